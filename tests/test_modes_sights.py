"""Generation by decoders that see pictures: LLaVA and PaLM-E, which splice them into the prompt, and
Flamingo, whose words look at them by flags."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from tests.parity.compare import answer
from tests.parity.flamingo import FLAMINGO
from tests.parity.llava import LLAVA, SLOT
from tests.parity.palm_e import PALM_E
from tests.parity.reference import Reference, tokens
from tests.parity.running import learned_of, place, randomise, run_file
from tests.test_modes import STYLES, assert_equal_at_every_position

MORE = 9
"""Words behind a prompt that has all pictures."""
FLAGS = ("valid", "seen")


def file_of(reference: Reference, style: str = "fast") -> ModuleType:
    return run_file(reference.architecture.emit(style=style, parts=("generate",)))


def given_to(reference: Reference, pad: int = 0) -> dict[str, Tensor]:
    """A reference's inputs, `pad` of the first words of one text hidden, where it has flags."""
    given = dict(reference.ours())
    if "valid" in given:
        given["valid"] = torch.ones_like(given["valid"])
        given["valid"][1, :pad] = False
    return given


def longer(given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same texts with more words, which see what the last one sees."""
    words = tokens(12, len(given["tokens"]), MORE) % SLOT
    found = given | {"tokens": torch.cat([given["tokens"], words], dim=1)}
    for name in set(FLAGS) & set(given):
        flags = given[name]
        found[name] = torch.cat([flags, flags[:, -1:].repeat_interleave(MORE, dim=1)], dim=1)
    return found


def cache_of(model: nn.Module, given: dict[str, Tensor], length: int) -> object:
    """Flamingo keeps the keys of its pictures too."""
    images = (given["pixels"].shape[1],) if "seen" in given else ()
    return model.cache(len(given["tokens"]), length, *images)


def stepped(model: nn.Module, given: dict[str, Tensor], prompt: int, cuts: list[int]) -> Tensor:
    """Logits from the prompt's last token on: flags of the prompt, then of all slots."""
    text, flags = given["tokens"], [given[name] for name in FLAGS if name in given]
    cache = cache_of(model, given, text.shape[1])
    shown = [each[:, :prompt] for each in flags]
    found = [model.prefill(text[:, :prompt], given["pixels"], cache, *shown)]
    for start, end in pairwise([prompt, *cuts]):
        found.append(model.decode(text[:, start:end], torch.arange(start, end), cache, *flags))
    return torch.cat(found, dim=1)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", [LLAVA, PALM_E, FLAMINGO], ids=str)
@torch.no_grad()
def test_decode_equals_the_forward_at_every_position(reference: Reference, style: str) -> None:
    model = place(file_of(reference, style).build(), answer(reference).weights).eval()
    given = longer(given_to(reference, pad=3))
    prompt = given["tokens"].shape[1] - MORE
    full = model(**given)
    logits = full[0] if isinstance(full, tuple) else full
    for cuts in (list(range(prompt + 1, prompt + MORE + 1)), [prompt + 4, prompt + MORE]):
        assert_equal_at_every_position(stepped(model, given, prompt, cuts), logits, prompt)


@torch.no_grad()
def test_flags_may_be_left_out_and_then_all_is_seen() -> None:
    model = place(file_of(FLAMINGO).build(), answer(FLAMINGO).weights).eval()
    given = longer(given_to(FLAMINGO))
    without = {name: x for name, x in given.items() if name not in FLAGS}
    text = given["tokens"]
    cache = cache_of(model, given, text.shape[1])
    found = [model.prefill(text[:, :14], given["pixels"], cache)]
    found += [model.decode(text[:, 14:], torch.arange(14, text.shape[1]), cache)]
    assert_equal_at_every_position(torch.cat(found, dim=1), model(**without)[0], 14)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", [LLAVA, FLAMINGO], ids=str)
def test_greedy_equals_transformers_token_for_token(reference: Reference, style: str) -> None:
    """On texts that are padded on the left, where there are flags. Weights are large, so that the
    texts are lively."""
    file, theirs = file_of(reference, style), reference.make().eval()
    learned = learned_of(theirs)
    randomise(learned, seed=5, scale=2)
    model = place(file.build(), reference.names(learned)).eval()
    given = given_to(reference, pad=3)
    pixels, text = given["pixels"], given["tokens"]
    flags = [given[name] for name in FLAGS if name in given]
    cache = cache_of(model, given, text.shape[1] + MORE)
    ours = file.generate(pixels, text, MORE, cache, model.prefill, model.decode, *flags)
    public = theirs.model
    public.generation_config.eos_token_id = None
    options = {"image_attention_mask": given["seen"].long()} if "seen" in given else {}
    valid = given.get("valid", torch.ones_like(text))
    wanted = public.generate(
        text, pixel_values=pixels if options else pixels.flatten(0, 1),
        attention_mask=valid.long(), do_sample=False, max_new_tokens=MORE, **options,
    )  # fmt: skip
    assert torch.equal(ours, wanted)
    assert len(ours[:, text.shape[1] :].unique()) > 5, "the texts are too dull to tell anything"


MISTAKES = {
    "new words see all that the first sees": ("seen[:, position]", "seen[:, :1]"),
    "a word that is hidden is read": ("& valid[:, None, None, :]", "& valid[:, None, None, :1]"),
    "pictures one too many": ("slots // 10", "slots // 5"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_in_decoding_is_seen(mistake: str) -> None:
    old, new = MISTAKES[mistake]
    source = FLAMINGO.architecture.emit(parts=("generate",))
    start = source.index("    def decode(self, tokens")
    assert old in source[start:]
    source = source[:start] + source[start:].replace(old, new)
    model = place(run_file(source).build(), answer(FLAMINGO).weights).eval()
    given = longer(given_to(FLAMINGO, pad=3))
    full = model(**given)[0]
    with pytest.raises((AssertionError, RuntimeError)):
        assert_equal_at_every_position(stepped(model, given, 14, [15, 16, 23]), full, 14)
