"""Routing as the stand-in takes it: every expert has as many rows as any other, or one more."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes


@contextmanager
def balanced() -> Generator[None]:
    """Tokens choose experts in turns, whatever their scores are, in backward's second run too."""
    plain = Tensor.topk

    def topk(x: Tensor, k: int, dim: int = -1) -> Any:
        found = plain(x, k, dim=dim)
        with _disable_current_modes():
            turns = torch.arange(found.indices.numel()) % x.shape[-1]
            found.indices.copy_(turns.view_as(found.indices))
        return found

    Tensor.topk = topk  # type: ignore[method-assign]
    try:
        yield
    finally:
        Tensor.topk = plain  # type: ignore[method-assign]
