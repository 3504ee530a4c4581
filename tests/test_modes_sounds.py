"""Generation by a decoder that hears: Whisper, whose memory is always equally long."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from tests.parity.compare import answer
from tests.parity.reference import tokens
from tests.parity.running import place, run_file
from tests.parity.whisper import WHISPER
from tests.test_modes import STYLES, assert_equal_at_every_position

LONGEST = 19


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_decode_equals_the_forward_at_every_position(style: str) -> None:
    """One cache for two sounds: what an earlier one left behind is not heard."""
    file = run_file(WHISPER.architecture.emit(style=style, parts=("generate",)))
    model = place(file.build(), answer(WHISPER).weights).eval()
    cache = model.cache(3, LONGEST)
    for seed, cuts in enumerate([range(1, LONGEST + 1), [6, 9, 10, 17, 19]]):
        mel = torch.randn(3, 4, 26, generator=torch.Generator().manual_seed(seed))
        text = tokens(11 + seed, 3, LONGEST)
        found = [model.prefill(mel, text[:, : cuts[0]], cache)]
        for start, end in pairwise(cuts):
            found.append(model.decode(text[:, start:end], torch.arange(start, end), cache))
        assert_equal_at_every_position(torch.cat(found, dim=1), model(mel, text), cuts[0])


def test_a_memory_of_one_length_is_said_to_be_kept_whole() -> None:
    file = WHISPER.architecture.emit(parts=("generate",))
    assert '        """Room for the keys and values of all tokens."""' in file
    assert '        """Room for the keys and values of `length` tokens."""' in file
