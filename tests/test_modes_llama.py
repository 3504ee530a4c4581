"""Generation of Llama and Mixtral: decoding against the full forward and transformers."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import nn

from tests.parity.compare import answer
from tests.parity.llama import LLAMA, LLAMA31
from tests.parity.mixtral import MIXTRAL
from tests.parity.reference import Reference, tokens
from tests.parity.running import place, randomise, run_file
from tests.test_modes import STYLES, assert_equal_at_every_position, stepped
from tfspec import api

LLAMAS = (LLAMA, LLAMA31, MIXTRAL)
LONGEST = 23


def file_of(reference: Reference, style: str = "fast") -> ModuleType:
    return run_file(api.emit(reference.spec, reference.sets, style=style, parts=("generate",)))


def model_of(reference: Reference, style: str = "fast") -> nn.Module:
    return place(file_of(reference, style).build(), answer(reference).weights).eval()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", LLAMAS, ids=str)
@torch.no_grad()
def test_decode_equals_the_forward_at_every_position(reference: Reference, style: str) -> None:
    model, text = model_of(reference, style), tokens(11, 3, LONGEST)
    full, cache = model(text), model.cache(3, LONGEST)
    for cuts in (range(1, LONGEST + 1), [6, 9, 10, 17, 23]):
        assert_equal_at_every_position(stepped(model, cache, text, cuts), full, cuts[0])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", LLAMAS, ids=str)
def test_greedy_equals_transformers_token_for_token(reference: Reference, style: str) -> None:
    """Weights are large, so that the texts are lively."""
    file, theirs = file_of(reference, style), reference.make().eval()
    learned = dict(theirs.named_parameters())
    randomise(learned, seed=5, scale=3)
    model = place(file.build(), reference.names(learned)).eval()
    theirs.generation_config.eos_token_id = None
    cache = model.cache(4, LONGEST)
    for seed, prompt in enumerate((1, 5, 14)):
        text = tokens(30 + seed, 4, prompt)
        steps = LONGEST - prompt
        ours = file.generate(text, steps, cache, model.prefill, model.decode)
        wanted = theirs.generate(
            text, attention_mask=torch.ones_like(text), do_sample=False, max_new_tokens=steps
        )
        assert torch.equal(ours, wanted)
        assert len(ours[:, prompt:].unique()) > 5, "the texts are too dull to tell anything"


MISTAKES = {
    "positions from 1": ("self.rope[:, position]", "self.rope[:, position - 1]"),
    "the first angle for all": ("self.rope[:, position]", "self.rope[:, :1]"),
    "keys are kept unturned": ("cache.update(k, v", "cache.update(rotate(k, -rope), v"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_in_decoding_is_seen(mistake: str) -> None:
    old, new = MISTAKES[mistake]
    source = api.emit(LLAMA.spec, LLAMA.sets, parts=("generate",))
    assert old in source
    model = place(run_file(source.replace(old, new)).build(), answer(LLAMA).weights)
    text = tokens(11, 3, LONGEST)
    logits = stepped(model, model.cache(3, LONGEST), text, range(6, LONGEST + 1))
    with pytest.raises(AssertionError, match="position"):
        assert_equal_at_every_position(logits, model(text), 6)
