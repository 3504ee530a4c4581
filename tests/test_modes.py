"""Generation: prefill and decode with a static cache against the full forward and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from tests.parity.compare import OUTPUTS, answer
from tests.parity.gpt2 import GPT2
from tests.parity.reference import tokens
from tests.parity.running import place, randomise, relative, run_file
from tfspec import api
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")
LONGEST = 23  # GPT2's T is 1..23

SMALL = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..16, V: 50, d: 12, h: 3}
inputs: {tokens: ids(V) B T}
blocks:
  near:
    norm: {at: pre}
    do:
      - attend: {heads: h, mask: causal and within(3)}
      - ffn: {hidden: 2 * width, act: gelu}
  far:
    norm: {at: pre, kind: rms}
    bias: false
    do:
      - attend: {heads: h, kv_heads: 1, mask: causal}
      - ffn: {hidden: 2 * width, act: swiglu}
  late:
    norm: {at: post}
    do:
      - attend: {heads: 2, head_dim: 5, v_head_dim: 4, mask: causal}
      - attend: {heads: h, mask: causal, share: again}
      - attend: {heads: h, mask: causal, share: again}
streams:
  text: [tokens, {embed: d}, {pos: learned}, STACK, norm]
outputs:
  logits: [text, {linear: V}]
"""
STACKS = {
    "a window": "{stack: {of: near, depth: 3}}",
    "grouped keys": "{stack: {of: far, depth: 3}}",
    "two kinds in turn": "{stack: {of: [near, far], depth: 4}}",
    "three to one": "{stack: {of: [near, near, near, far], depth: 8}}",
    "a series as a layer": "{stack: {of: [[near, far]], depth: 2}}",
    "two stacks": "{stack: {of: near, depth: 2}}, {stack: {of: near, depth: 3}}",
    "two stacks of two kinds": "{stack: {of: near, depth: 2}}, {stack: {of: far, depth: 2}}",
    "blocks alone": "near, far",
    "a block and a stack": "near, {stack: {of: far, depth: 2}}",
    "several attentions in a layer": "{stack: {of: late, depth: 2}}",
    "sinusoids": "{pos: sinusoidal}, {stack: {of: near, depth: 2}}",
}


def gpt2_file(style: str = "fast") -> ModuleType:
    return run_file(api.emit(GPT2.spec, GPT2.sets, style=style, parts=("generate",)))


def gpt2(style: str = "fast") -> nn.Module:
    return place(gpt2_file(style).build(), answer(GPT2).weights).eval()


def small_file(stack: str) -> ModuleType:
    spec = api.Architecture(load_text(SMALL.replace("STACK", STACKS[stack])))
    return run_file(spec.emit(parts=("generate",)))


def stepped(model: nn.Module, cache: object, text: Tensor, cuts: Sequence[int]) -> Tensor:
    """Logits of the text from the prompt's last token on: a prefill up to cuts[0], then chunks."""
    found = [model.prefill(text[:, : cuts[0]], cache)]
    for start, end in pairwise(cuts):
        found.append(model.decode(text[:, start:end], torch.arange(start, end), cache))
    return torch.cat(found, dim=1)


def assert_equal_at_every_position(logits: Tensor, full: Tensor, prompt: int) -> None:
    whole = full[:, prompt - 1 :]
    assert logits.shape == whole.shape
    for at in range(whole.shape[1]):
        assert relative(logits[:, at], whole[:, at]) <= OUTPUTS, f"position {prompt - 1 + at}"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("prompt", [1, 6, LONGEST - 1])
@torch.no_grad()
def test_decode_equals_the_forward_at_every_position(prompt: int, style: str) -> None:
    model, text = gpt2(style), tokens(11, 3, LONGEST)
    logits = stepped(model, model.cache(3, LONGEST), text, range(prompt, LONGEST + 1))
    assert_equal_at_every_position(logits, model(text), prompt)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("cuts", [[5, 9, 10, 17, 23], [1, 23], [8, 10, 12, 14]], ids=str)
@torch.no_grad()
def test_chunks_equal_the_forward(cuts: list[int], style: str) -> None:
    model, text = gpt2(style), tokens(12, 2, cuts[-1])
    logits = stepped(model, model.cache(2, 30), text, cuts)
    assert_equal_at_every_position(logits, model(text), cuts[0])


@torch.no_grad()
def test_a_text_can_start_by_decoding() -> None:
    model, text = gpt2(), tokens(13, 2, 7)
    logits = model.decode(text, torch.arange(7), model.cache(2, 7))
    assert relative(logits, model(text)) <= OUTPUTS


@torch.no_grad()
def test_prefill_gives_the_last_tokens_logits() -> None:
    model, text = gpt2(), tokens(14, 3, 9)
    logits = model.prefill(text, model.cache(3, 12))
    assert logits.shape == (3, 1, 101)
    assert relative(logits[:, 0], model(text)[:, -1]) <= OUTPUTS


@torch.no_grad()
def test_one_cache_serves_prompts_of_any_length() -> None:
    """What an earlier, longer text left behind is not seen."""
    model = gpt2()
    cache = model.cache(2, LONGEST)
    for seed, (prompt, end) in enumerate([(20, 23), (3, 9), (11, 18), (1, 23), (2, 3)]):
        text = tokens(20 + seed, 2, end)
        logits = stepped(model, cache, text, range(prompt, end + 1))
        assert_equal_at_every_position(logits, model(text), prompt)


@pytest.mark.parametrize("style", STYLES)
def test_greedy_equals_transformers_token_for_token(style: str) -> None:
    """Weights are large, so that the texts are lively."""
    file, reference = gpt2_file(style), GPT2.make().eval()
    learned = dict(reference.named_parameters())
    randomise(learned, seed=5, scale=3)
    model = place(file.build(), GPT2.names(learned)).eval()
    reference.generation_config.eos_token_id = None
    cache = model.cache(4, LONGEST)
    for seed, prompt in enumerate((1, 5, 14)):
        text = tokens(30 + seed, 4, prompt)
        steps = LONGEST - prompt
        ours = file.generate(text, steps, cache, model.prefill, model.decode)
        mask = torch.ones_like(text)
        theirs = reference.generate(
            text, attention_mask=mask, do_sample=False, max_new_tokens=steps
        )
        assert torch.equal(ours, theirs)
        assert len(ours[:, prompt:].unique()) > 5, "the texts are too dull to tell anything"


def test_generate_refuses_what_the_cache_has_no_room_for() -> None:
    file, model = gpt2_file(), gpt2()
    cache = model.cache(1, 10)
    assert file.generate(tokens(1, 1, 6), 4, cache, model.prefill, model.decode).shape == (1, 10)
    with pytest.raises(ValueError, match="the cache has room for 10 tokens"):
        file.generate(tokens(1, 1, 6), 5, cache, model.prefill, model.decode)


@torch.no_grad()
def test_explicit_decoding_yields_maps() -> None:
    """One row a new token, over all slots; 0 where nothing is yet."""
    model, text = gpt2("explicit"), tokens(15, 2, 9)
    whole: list[Tensor] = []
    model(text, maps=whole)
    cache = model.cache(2, 12)
    model.prefill(text[:, :8], cache)
    last: list[Tensor] = []
    model.decode(text[:, 8:], torch.tensor([8]), cache, maps=last)
    assert [tuple(each.shape) for each in last] == [(2, 5, 1, 12)] * 3
    for row, full in zip(last, whole, strict=True):
        assert relative(row[:, :, 0, :9], full[:, :, 8]) <= OUTPUTS
        assert not row[:, :, 0, 9:].any()


def test_parts_change_no_weights() -> None:
    plain = run_file(api.emit(GPT2.spec, GPT2.sets)).build().state_dict()
    added = gpt2_file().build().state_dict()
    assert {n: t.shape for n, t in plain.items()} == {n: t.shape for n, t in added.items()}


# ---- the test can see

MISTAKES = {
    "a slot too many": ("slots <= position[:, None]", "slots <= position[:, None] + 1"),
    "a slot too few": ("slots <= position[:, None]", "slots < position[:, None]"),
    "positions from 1": ("self.pos[position]", "self.pos[position - 1]"),
    "the prompt is not kept": ("            self.k[:, :, : k.shape[2]] = k\n", ""),
    "new values are not kept": ("        self.v.index_copy_(2, position, v)\n", ""),
    "one cache for all": ("zip(self.blocks, cache)", "zip(self.blocks, cache[:1] * 3)"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_in_decoding_is_seen(mistake: str) -> None:
    old, new = MISTAKES[mistake]
    source = api.emit(GPT2.spec, GPT2.sets, parts=("generate",))
    assert old in source
    model = place(run_file(source.replace(old, new)).build(), answer(GPT2).weights)
    text = tokens(11, 3, LONGEST)
    logits = stepped(model, model.cache(3, LONGEST), text, range(6, LONGEST + 1))
    with pytest.raises(AssertionError, match="position"):
        assert_equal_at_every_position(logits, model(text), 6)


# ---- other structures


@pytest.mark.parametrize("stack", STACKS)
@torch.no_grad()
def test_other_structures_decode_as_they_run(stack: str) -> None:
    model = small_file(stack).build().eval()
    randomise(dict(model.named_parameters()), seed=7)
    text = tokens(16, 2, 16) % 50
    full = model(text)
    cache = model.cache(2, 16)
    for cuts in (range(4, 17), [7, 10, 16]):
        assert_equal_at_every_position(stepped(model, cache, text, cuts), full, cuts[0])


CAUSAL = ("causal and within(3)", "causal")
SECOND = "streams:\n  other: [tokens, embed: d, {stack: {of: near, depth: 2}}]"
CHANGES = {
    "two streams": [("streams:", SECOND), ("[text,", "[sum: [text, other],")],
    "a bare attention": [("{pos: learned}", "{pos: learned}, attend: {heads: h, mask: causal}")],
    "parallel attentions": [
        (
            "      - ffn: {hidden: 2 * width, act: gelu}\n",
            "      - attend: {heads: 2, mask: causal}\n",
        )
    ],
    "a shared attention": [
        CAUSAL,
        ("heads: h, mask: causal}", "heads: h, mask: causal, share: all}"),
    ],
    "a cap of scores": [CAUSAL, ("heads: h, mask: causal}", "heads: h, mask: causal, softcap: 2}")],
    "attention behind the stream": [("[text,", "[text, {attend: {heads: 2, mask: causal}},")],
    "positions behind the stream": [("[text,", "[text, {pos: learned},")],
    "a second output, of all tokens at once": [
        ("{linear: V}]", "{linear: V}]\n  more: [text, {pool: mean}]")
    ],
    "a token in place of some": [
        ("{pos: learned}", "{splice: {at: tokens == 7, from: {learn: {width: d}}}}, {pos: learned}")
    ],
    "a token in front": [
        ("{pos: learned}", "prepend: cls, {pos: learned}"),
        ("[text, {linear", "[text, {drop: cls}, {linear"),
    ],
    "a mark": [("{pos: learned}", "{pos: learned}, mark: m"), ("[text,", "[sum: [text, text.m],")],
}


def changed(changes: list[tuple[str, str]]) -> api.Architecture:
    text = SMALL.replace("STACK", STACKS["a window"])
    for old, new in changes:
        assert old in text, f"{old!r} is not in the small spec"
        text = text.replace(old, new, 1)
    return api.Architecture(load_text(text))


@pytest.mark.parametrize("what", CHANGES)
@torch.no_grad()
def test_other_steps_decode_as_they_run(what: str) -> None:
    assert_decodes(changed(CHANGES[what]).emit(parts=("generate",)))


def assert_decodes(source: str) -> None:
    """The first output of a file, token by token, is what its forward gives."""
    model = run_file(source).build().eval()
    randomise(dict(model.named_parameters()), seed=7)
    text = tokens(16, 2, 16) % 50
    logits = stepped(model, model.cache(2, 20), text, [4, 5, 6, 9, 16])
    full = model(text)
    assert_equal_at_every_position(logits, full[0] if isinstance(full, tuple) else full, 4)


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_of_a_stream_that_is_the_output_a_prompt_gives_the_last_token(style: str) -> None:
    source = changed([("[text, {linear: V}]", "text")]).emit(parts=("decode",), style=style)
    assert_decodes(source)


LONG_CALL = """\
      - attend: {heads: h, alibi: true, mask: causal and within(3)}
      - attend: {heads: 4, pos: {query: sinusoidal}, mask: causal}
      - attend: {heads: 2, alibi: true, mask: causal}
      - attend: {heads: 1, rel_bias: {buckets: 8, max: 16}, mask: causal and within(5)}
"""


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_a_call_of_decode_may_be_too_long_for_a_line(style: str) -> None:
    spec = changed([("      - attend: {heads: h, mask: causal and within(3)}\n", LONG_CALL)])
    source = spec.emit(parts=("generate",), style=style)
    assert "block.decode(\n" in source
    assert_decodes(source)


LATENTS = """\
      - attend: {heads: h, mask: causal}
      - attend: {heads: h, bias: false, latent: {kv: 5}, mask: causal}
"""


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_a_layer_of_blocks_decodes_as_they_do(style: str) -> None:
    """What reads latents has a method of its own for that, and so has whatever calls it."""
    layer = ("{of: near, depth: 3}", "{of: [[near, far]], depth: 2}")
    text = SMALL.replace("STACK", STACKS["a window"]).replace(*layer)
    text = text.replace("      - attend: {heads: h, kv_heads: 1, mask: causal}\n", LATENTS)
    model = run_file(
        api.Architecture(load_text(text)).emit(parts=("generate",), style=style)
    ).build()
    randomise(dict(model.named_parameters()), seed=7)
    text = tokens(16, 2, 16) % 50
    logits = stepped(model, model.cache(2, 20), text, [4, 5, 6, 9, 16])
    assert_equal_at_every_position(logits, model.eval()(text), 4)


FLAGGED = {
    "keys": ("within(3)", "key.valid"),
    "queries": ("within(3)", "query.valid"),
    "both": ("within(3)", "(key.valid or query.valid)"),
}


@pytest.mark.parametrize("where", FLAGGED)
@pytest.mark.parametrize("padded", [True, False])
@torch.no_grad()
def test_flags_of_tokens_are_given_for_all_slots(where: str, padded: bool) -> None:
    changes = [("ids(V) B T", "ids(V) B T, valid: bool B T"), FLAGGED[where]]
    model = run_file(changed(changes).emit(parts=("generate",))).build().eval()
    randomise(dict(model.named_parameters()), seed=7)
    text, valid = tokens(16, 2, 16) % 50, torch.rand(2, 20) < 0.6
    flags = (lambda length: (valid[:, :length],)) if padded else (lambda _: ())
    cache = model.cache(2, 20)
    found = [model.prefill(text[:, :4], cache, *flags(4))]
    for start, end in pairwise([4, 5, 6, 9, 16]):
        new = text[:, start:end], torch.arange(start, end), cache
        found.append(model.decode(*new, *flags(20)))
    assert_equal_at_every_position(torch.cat(found, dim=1), model(text, *flags(16)), 4)


REFUSED = {
    "texts of several batches": (
        [("B: batch", "B: batch, A: batch"), ("ids(V) B T", "ids(V) B A T")],
        "attention over 2 batch axes is not supported yet with a cache",
    ),
    "a text without a batch": (
        [("B: batch, ", ""), ("ids(V) B T", "ids(V) T")],
        "attention over no batch axes is not supported yet with a cache",
    ),
    "latents without a batch": (
        [
            ("B: batch, ", ""),
            ("ids(V) B T", "ids(V) T"),
            ("heads: h, mask", "heads: h, bias: false, latent: {kv: 4}, mask"),
        ],
        "attention over no batch axes is not supported yet with a cache",
    ),
    "a second text": (
        [("ids(V) B T", "ids(V) B T, kinds: ids(V) B T")],
        "the input `kinds` is not supported yet in generation",
    ),
    "numbers of tokens": (
        [("ids(V) B T", "ids(V) B T, x: float B T (d)")],
        "the input `x` is not supported yet in generation",
    ),
    "a token in place of flagged ones": (
        [
            ("ids(V) B T", "ids(V) B T, hidden: bool B T"),
            ("{pos: learned}", "{splice: {at: hidden, from: {learn: {width: d}}}}, {pos: learned}"),
        ],
        "`splice` by flags that may be left out is not supported yet in decoding",
    ),
    "sight of later tokens": (
        [("causal and within(3)", "causal or within(3)")],
        "attention that is not causal is not supported yet in decoding",
    ),
    "a mean over the text": (
        [(", norm]", ", norm, pool: mean]")],
        "`pool: mean` is not supported yet in decoding",
    ),
    "keys and values on a grid of free sizes": (
        [
            ("ids(V) B T", "ids(V) B T, seen: float B R S (d)"),
            ("T: 1..16", "T: 1..16, R: 1..4, S: 1..4"),
            ("{pos: learned}", "{pos: learned}, {attend: {heads: h, to: seen}}"),
        ],
        "a memory of R·S tokens is not supported yet with a cache",
    ),
    "a token behind": (
        [("{pos: learned}", "concat: {some: norm, end: {learn: {width: d}}}, {pos: learned}")],
        "a text with T + 1 tokens along T is not supported yet with a cache",
    ),
    "rows of any length": (
        [("ids(V) B T", "ids(V) B K T"), ("T: 1..16", "K: 2, T: 1..8")],
        "a text on a grid with rows of any length, `K·T`, is not supported yet in decoding",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_continued_is_refused_with_its_place(what: str) -> None:
    changes, message = REFUSED[what]
    spec = changed(changes)
    assert spec.check().ok
    with pytest.raises(api.SpecError) as caught:
        spec.emit(parts=("generate",))
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("TS901", message)
    assert found.span is not None
