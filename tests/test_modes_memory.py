"""Generation by a decoder that reads a memory: T5 and the original encoder-decoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from tests.parity.compare import answer
from tests.parity.marian import MARIAN, sentences
from tests.parity.reference import PAD, Reference, tokens
from tests.parity.running import learned_of, place, randomise, run_file
from tests.parity.t5 import T5
from tests.test_modes import STYLES, assert_equal_at_every_position, changed

PUBLIC = (T5, MARIAN)
SOURCE = 13  # the longest of `sentences`
LONGEST = 19


def file_of(reference: Reference, style: str = "fast") -> ModuleType:
    return run_file(reference.architecture.emit(style=style, parts=("generate",)))


def model_of(reference: Reference, style: str = "fast") -> nn.Module:
    return place(file_of(reference, style).build(), answer(reference).weights).eval()


def stepped(
    model: nn.Module,
    cache: object,
    source: Tensor,
    text: Tensor,
    cuts: Sequence[int],
    valid: Tensor | None,
) -> Tensor:
    """Logits of the text from the prompt's last token on: a prefill up to cuts[0], then chunks."""
    found = [model.prefill(source, text[:, : cuts[0]], cache, valid)]
    for start, end in pairwise(cuts):
        found.append(model.decode(text[:, start:end], torch.arange(start, end), cache, valid))
    return torch.cat(found, dim=1)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("reference", PUBLIC, ids=str)
@torch.no_grad()
def test_decode_equals_the_forward_at_every_position(
    reference: Reference, padded: bool, style: str
) -> None:
    """One cache, for several prompts: what an earlier source left behind is not read."""
    model = model_of(reference, style)
    cache = model.cache(3, LONGEST, SOURCE)
    valid = sentences()["valid"] if padded else None
    for seed, cuts in enumerate([range(1, LONGEST + 1), [6, 9, 10, 17, 19]]):
        source, text = tokens(20 + seed, 3, SOURCE), tokens(11 + seed, 3, LONGEST)
        full = model(source, text, valid)
        found = stepped(model, cache, source, text, cuts, valid)
        assert_equal_at_every_position(found, full, cuts[0])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", PUBLIC, ids=str)
def test_greedy_equals_transformers_token_for_token(reference: Reference, style: str) -> None:
    """From their start token, on padded sources. Weights are large, so that the texts are lively."""
    file, theirs = file_of(reference, style), reference.make().eval()
    learned = learned_of(theirs)
    randomise(learned, seed=5, scale=5)
    for name, parameter in learned.items():
        if name.endswith(".bias"):  # a bias of the last norm would outweigh what the text says
            parameter.data.zero_()
    model = place(file.build(), reference.names(learned)).eval()
    theirs.generation_config.eos_token_id = None
    cache = model.cache(3, LONGEST, SOURCE)
    given, said = sentences(), set[int]()
    for prompt in (1, 5):
        text = torch.cat([torch.full((3, 1), PAD), tokens(30, 3, prompt - 1)], dim=1)
        steps = LONGEST - prompt
        ours = file.generate(
            given["source"], text, steps, cache, model.prefill, model.decode, given["valid"]
        )
        wanted = theirs.generate(
            given["source"], attention_mask=given["valid"].long(), decoder_input_ids=text,
            decoder_attention_mask=torch.ones_like(text), do_sample=False, num_beams=1,
            max_new_tokens=steps,
        )  # fmt: skip
        assert torch.equal(ours, wanted)
        said.update(ours[:, prompt:].unique().tolist())
    assert len(said) > 5, "the texts are too dull to tell anything"


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_a_memory_has_keys_of_its_own_and_not_the_slots_of_the_text(style: str) -> None:
    """A mask by where a key stands in the memory, which is shorter than the cache of the text."""
    near = "{pos: learned}, {attend: {heads: h, to: seen, mask: key.R < 3}}"
    memory = [("ids(V) B T", "ids(V) B T, seen: float B R (d)"), ("T: 1..16", "T: 1..16, R: 6")]
    spec = changed([*memory, ("{pos: learned}", near)])
    model = run_file(spec.emit(style=style, parts=("generate",))).build().double().eval()
    randomise(dict(model.named_parameters()), seed=7)
    text, seen = tokens(16, 2, 14) % 50, torch.randn(2, 6, 12, dtype=torch.double)
    cache = model.cache(2, 16)
    found = [model.prefill(text[:, :4], seen, cache)]
    for start, end in pairwise([4, 5, 9, 14]):
        found.append(model.decode(text[:, start:end], torch.arange(start, end), cache))
    assert_equal_at_every_position(torch.cat(found, dim=1), model(text, seen), 4)


@torch.no_grad()
def test_a_source_of_another_length_is_refused() -> None:
    model = model_of(T5)
    with pytest.raises(RuntimeError, match="must match the size of tensor"):
        model.prefill(tokens(1, 3, SOURCE), tokens(2, 3, 4), model.cache(3, LONGEST, SOURCE + 1))


@pytest.mark.parametrize("name", ["cache", "position", "tokens", "steps", "out", "prefill"])
def test_an_input_may_have_any_name(name: str) -> None:
    """The source is called as something that generation has itself."""
    text = T5.text.replace("source", name)
    file = run_file(T5.architecture_of(text).emit(parts=("generate",)))
    model = place(file.build(), answer(T5).weights).eval()
    plain, given = model_of(T5), sentences()
    found = [
        run.generate(
            given["source"], given["target"][:, :1], 5, built.cache(3, 6, SOURCE),
            built.prefill, built.decode, given["valid"],
        )
        for run, built in ((file, model), (file_of(T5), plain))
    ]  # fmt: skip
    assert torch.equal(*found)


@torch.no_grad()
def test_the_memory_is_made_once() -> None:
    """Decoding runs no layer of the encoder, and makes no keys of what it gave."""
    model = model_of(T5)
    cache = model.cache(3, LONGEST, SOURCE)
    model.prefill(tokens(1, 3, SOURCE), tokens(2, 3, 4), cache)
    ran: list[str] = []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    model.decode(tokens(3, 3, 1), torch.tensor([4]), cache)
    assert "text_blocks.0.cross.q" in ran
    assert not [name for name in ran if name.startswith("memory") or name.endswith("cross.kv")]


@pytest.mark.parametrize("reference", PUBLIC, ids=str)
@pytest.mark.filterwarnings("default")
@torch.no_grad()
def test_prefill_and_decode_compile_whole(reference: Reference) -> None:
    torch.compiler.reset()
    model, source, text = model_of(reference), tokens(1, 3, SOURCE), tokens(2, 3, 6)
    ours, theirs = (model.cache(3, LONGEST, SOURCE) for _ in range(2))
    steps = (
        torch.compile(f, fullgraph=True, backend="aot_eager") for f in (model.prefill, model.decode)
    )
    prefill, decode = steps
    for at, (run, plain) in enumerate(((prefill, model.prefill), (decode, model.decode))):
        given = (source, text) if at == 0 else (text[:, :1], torch.tensor([6]))
        torch.testing.assert_close(run(*given, ours), plain(*given, theirs), rtol=1e-4, atol=1e-5)


MISTAKES = {
    "the memory is not kept": ("    cache.k.copy_(k)\n", ""),
    "its values are not kept": ("    cache.v.copy_(v)\n", ""),
    "flags are forgotten": ("block.decode(x, kv, position, scores, mask)", "block.decode(x, kv, position, scores, None)"),
    "keys of the text are read": ("cache1, cache2 = cache\n", "cache1, cache2 = cache[::-1]\n"),
    "offsets from 1": ("slots - position[:, None]", "slots - position[:, None] - 1"),
    "another table": ("self.past(buckets)", "self.near(buckets)"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_in_decoding_is_seen(mistake: str) -> None:
    old, new = MISTAKES[mistake]
    source = T5.architecture.emit(parts=("generate",))
    start = source.index("    def decode(self, target") if "self.past" in old else 0
    assert old in source[start:]
    source = source[:start] + source[start:].replace(old, new)
    model = place(run_file(source).build(), answer(T5).weights).eval()
    given, text = sentences(), tokens(11, 3, SOURCE)
    cache = model.cache(3, SOURCE, SOURCE)
    found = stepped(model, cache, given["source"], text, range(6, SOURCE + 1), given["valid"])
    with pytest.raises(AssertionError, match="position"):
        assert_equal_at_every_position(found, model(given["source"], text, given["valid"]), 6)
