"""Generation with rotary positions, windows, caps and normed heads: decoding against the full forward
and transformers."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import nn

from tests.parity.compare import answer
from tests.parity.deepseek import DEEPSEEK
from tests.parity.gemma import GEMMA
from tests.parity.llama import LLAMA, LLAMA31
from tests.parity.mistral import MISTRAL
from tests.parity.mixtral import MIXTRAL
from tests.parity.palm import PALM
from tests.parity.qwen import QWEN
from tests.parity.reference import Reference, tokens
from tests.parity.running import place, randomise, run_file
from tests.test_modes import STYLES, assert_equal_at_every_position, stepped

PUBLIC = (LLAMA, LLAMA31, MISTRAL, MIXTRAL, GEMMA, QWEN, DEEPSEEK)
LONGEST = 23  # windows are of 5


def file_of(reference: Reference, style: str = "fast") -> ModuleType:
    return run_file(reference.architecture.emit(style=style, parts=("generate",)))


def model_of(reference: Reference, style: str = "fast") -> nn.Module:
    return place(file_of(reference, style).build(), answer(reference).weights).eval()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", [*PUBLIC, PALM], ids=str)
@torch.no_grad()
def test_decode_equals_the_forward_at_every_position(reference: Reference, style: str) -> None:
    model, text = model_of(reference, style), tokens(11, 3, LONGEST)
    full, cache = model(text), model.cache(3, LONGEST)
    for cuts in (range(1, LONGEST + 1), [6, 9, 10, 17, 23]):
        assert_equal_at_every_position(stepped(model, cache, text, cuts), full, cuts[0])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", PUBLIC, ids=str)
def test_greedy_equals_transformers_token_for_token(reference: Reference, style: str) -> None:
    """Weights are large, so that the texts are lively."""
    file, theirs = file_of(reference, style), reference.make().eval()
    learned = dict(theirs.named_parameters())
    randomise(learned, seed=5, scale=2)
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


@pytest.mark.parametrize("style", STYLES)
def test_texts_padded_on_the_left_equal_transformers(style: str) -> None:
    """Llama with a mask of its own: angles are of distances, so that padding moves nothing."""
    spec = LLAMA.text.replace("tokens: ids(V) B T", "tokens: ids(V) B T, valid: bool B T")
    spec = spec.replace("mask: causal", "mask: causal and key.valid")
    file = run_file(LLAMA.architecture_of(spec).emit(style=style, parts=("generate",)))
    theirs = LLAMA.make().eval()
    learned = dict(theirs.named_parameters())
    randomise(learned, seed=5, scale=2)
    model = place(file.build(), LLAMA.names(learned)).eval()
    theirs.generation_config.eos_token_id = None
    text = tokens(31, 4, 9)
    valid = torch.arange(9) >= torch.tensor([0, 2, 5, 8])[:, None]
    cache = model.cache(4, LONGEST)
    ours = file.generate(text, 14, cache, model.prefill, model.decode, valid)
    wanted = theirs.generate(text, attention_mask=valid.long(), do_sample=False, max_new_tokens=14)
    assert torch.equal(ours, wanted)
    assert len(ours[:, 9:].unique()) > 5, "the texts are too dull to tell anything"


MISTAKES = {
    "positions from 1": (
        LLAMA,
        "self.rope[:, position[:, None]]",
        "self.rope[:, position[:, None] - 1]",
    ),
    "the first angle for all": (LLAMA, "self.rope[:, position[:, None]]", "self.rope[:, :1, None]"),
    "keys are kept unturned": (
        LLAMA,
        "cache.update(k, v",
        "cache.update(rotate(k.transpose(1, 2), -rope).transpose(1, 2), v",
    ),
    "a window one wider": (MISTRAL, "slots).abs() < 5", "slots).abs() < 6"),
    "no window": (MISTRAL, "slots).abs() < 5", "slots).abs() < 50"),
    "windows in the other layers": (GEMMA, "if i % 2 == 0", "if i % 2 == 1"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_in_decoding_is_seen(mistake: str) -> None:
    reference, old, new = MISTAKES[mistake]
    source = reference.architecture.emit(parts=("generate",))
    decode = source.index("    def decode(") if "if i" in old else 0
    assert old in source[decode:]
    source = source[:decode] + source[decode:].replace(old, new)
    model = place(run_file(source).build(), answer(reference).weights)
    text = tokens(11, 3, LONGEST)
    logits = stepped(model, model.cache(3, LONGEST), text, range(6, LONGEST + 1))
    with pytest.raises(AssertionError, match="position"):
        assert_equal_at_every_position(logits, model(text), 6)
