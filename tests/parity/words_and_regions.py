"""Inputs of words and regions, as models of both take them: three pairs with padding."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.parity.reference import tokens


def pairs(box: int) -> dict[str, Tensor]:
    """Words of 13, 9 and 4 tokens, and 11, 3 and 7 regions with so many numbers of a box."""
    rng = torch.Generator().manual_seed(9)
    return {
        "tokens": tokens(8, 3, 13),
        "segments": (torch.arange(13) >= torch.tensor([[6], [2], [3]])).long(),
        "words_valid": torch.arange(13) < torch.tensor([[13], [9], [4]]),
        "regions": torch.randn(3, 11, 19, generator=rng),
        "boxes": torch.rand(3, 11, box, generator=rng),
        "regions_valid": torch.arange(11) < torch.tensor([[11], [3], [7]]),
    }
