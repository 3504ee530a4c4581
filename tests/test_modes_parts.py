"""Decoding where the text is the last part of a value, or lies on a grid: DALL-E and its kin, against
the full forward."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import tfspec
from tests.cost.counted import flops
from tests.parity.compare import answer
from tests.parity.dalle import DALLE, H, W
from tests.parity.running import place, randomise, run_file
from tests.test_modes import STYLES, assert_equal_at_every_position
from tfspec import api
from tfspec.passes.cost.sizes import cached
from tfspec.runtime.verify import verify
from tfspec.spec.load import load_text

Given = Mapping[str, Tensor]


def model_of(spec: api.Architecture, style: str = "fast") -> nn.Module:
    return run_file(spec.emit(style=style, parts=("decode",))).build().double().eval()


def stepped(model: nn.Module, first: Given, text: tuple[str, Tensor], cuts: list[int]) -> Tensor:
    """The first output from the prompt's last token on: a prefill of what stands first and of
    cuts[0] tokens of the text, then chunks of it."""
    name, ids = text
    cache = model.cache(len(ids), ids.shape[1])
    found = [model.prefill(**first, **{name: ids[:, : cuts[0]]}, cache=cache)]
    for start, end in pairwise(cuts):
        at = torch.arange(start, end)
        found.append(model.decode(**{name: ids[:, start:end]}, position=at, cache=cache))
    return torch.cat(found, dim=1)


def cuts_of(length: int) -> list[list[int]]:
    """Token by token from nothing, in chunks, and from a prompt that ends inside of a row."""
    return [list(range(length + 1)), [0, 3, 4, length - 1], [length // 2, length // 2 + 1, length]]


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_dalle_decodes_as_it_runs(style: str) -> None:
    model = place(model_of(DALLE.architecture, style), answer(DALLE).weights).double()
    given = DALLE.ours()
    tokens, image = given["tokens"], given["image"]
    full, first = model(tokens, image), tokens.shape[1]
    for cuts in cuts_of(H * W):
        found = stepped(model, {"tokens": tokens}, ("image", image.flatten(1)), cuts)
        assert_equal_at_every_position(found, full[:, : first + cuts[-1]], first + cuts[0])


# ---- other structures

GRID = """\
tfspec: 1
name: painted
dims: {B: batch, T: 3, H: 4, W: 5, V: 17, codes: 19, d: 24, h: 3}
inputs: {tokens: ids(V) B T, image: ids(codes) B H W}
blocks:
  layer:
    norm: {at: pre}
    do: [attend: {heads: h, mask: causal}, ffn: {hidden: 2 * width, act: gelu}]
streams:
  text: [tokens, {embed: d}]
  grid: [image, {embed: d}]
  both:
    - concat: [text, grid]
    - pos: learned
    - stack: {of: layer, depth: 2}
    - norm
outputs:
  logits: [both, {linear: codes}]
"""
PLAIN = """\
tfspec: 1
name: seen
dims: {B: batch, H: 8, W: 12, p: 4, T: 1..16, codes: 19, d: 24, h: 3}
inputs: {picture: float B 3 H W, ids: ids(codes) B T}
blocks:
  layer:
    norm: {at: pre}
    do: [attend: {heads: h, mask: causal}, ffn: {hidden: 2 * width, act: gelu}]
  tower: {extends: layer, attend: {mask: none}}
streams:
  patches: [picture, {patch: {size: {H: p, W: p}, width: d}}, {pos: learned}]
  text: [ids, {embed: d}]
  both:
    - concat: [patches, text]
    - pos: {learned: T}
    - stack: {of: layer, depth: 2}
    - norm
outputs:
  logits: [both, {linear: codes}]
"""
ATTEND, POS = "mask: causal}", "    - pos: learned\n"
AFTER = "[both, {linear: codes}]"
OF_GRIDS = {
    "one table for all": (ATTEND, ATTEND),
    "a table of the grid's places": ("[image, {embed: d}]", "[image, {embed: d}, {pos: learned}]"),
    "tables of rows and columns behind": (POS, "    - pos: {learned: H}\n    - pos: {learned: W}\n"),
    "sinusoids of rows and columns": (POS, "    - pos: {sinusoidal: H*W}\n"),
    "sinusoids": (POS, "    - pos: sinusoidal\n"),
    "rotations": (ATTEND, "mask: causal, rope: 10000}"),
    "rotations by two bases": (
        ATTEND,
        "mask: causal, rope: 10000}, attend: {heads: h, mask: causal, rope: 100}",
    ),
    "slopes": (ATTEND, "mask: causal, alibi: true}"),
    "buckets": (ATTEND, "mask: causal, rel_bias: {buckets: 8, max: 16}}"),
    "a window": (ATTEND, "mask: causal and within(W)}"),
    "rows": (ATTEND, "mask: causal and (key.text or key.H == query.H)}"),
    "a neighbourhood": (ATTEND, "mask: causal and (key.text or abs(key.W - query.W) <= 1)}"),
    "text and image apart": (ATTEND, "mask: causal and (query.text or key.grid)}"),
    "grouped keys": (ATTEND, "mask: causal, kv_heads: 1}"),
    "experts": ("act: gelu}", "act: gelu, experts: 4, top_k: 2, router: softmax}"),
    "rows of any number": ("H: 4,", "H: 1..6,"),
    "a latent": (ATTEND, "mask: causal, rope: 10000, latent: {q: 8, kv: 12, rope: 4}, bias: false}"),
    "the grid's output alone": (AFTER, "[both, {take: grid}, {linear: codes}]"),
    "the grid taken, and layers behind": (AFTER, "[both, {take: grid}, layer, {linear: codes}]"),
    "a token in front": (POS, POS + "    - prepend: {reg: 2}\n"),
    "layers of the grid before": ("[image, {embed: d}]", "[image, {embed: d}, layer]"),
    "layers of the text before": ("[tokens, {embed: d}]", "[tokens, {embed: d}, layer]"),
}  # fmt: skip
OF_TEXTS = {
    "tables of each": (ATTEND, ATTEND),
    "a tower": ("{pos: learned}]", "{pos: learned}, tower]"),
    "one table for all": ("{learned: T}", "learned"),
    "sinusoids": ("{learned: T}", "sinusoidal"),
    "rotations": (ATTEND, "mask: causal, rope: 10000}"),
    "slopes": (ATTEND, "mask: causal, alibi: true}"),
    "a window": (ATTEND, "mask: causal and (key.patches or within(3))}"),
    "a window of places": (ATTEND, "mask: causal and (key.patches or query.T - key.T <= 2)}"),
    "a latent": (ATTEND, "mask: causal, rope: 10000, latent: {q: 8, kv: 12, rope: 4}, bias: false}"),
    "the text's output alone": (AFTER, "[both, {take: text}, {linear: codes}]"),
    "patches behind a token": ("    - pos: {learned: T}\n", "    - prepend: cls\n    - pos: learned\n"),
}  # fmt: skip


def changed(text: str, *changes: tuple[str, str]) -> api.Architecture:
    for old, new in changes:
        assert old in text, f"{old!r} is not in the small spec"
        text = text.replace(old, new, 1)
    return api.Architecture(load_text(text))


def ids(count: int, *shape: int) -> Tensor:
    return torch.randint(count, shape, generator=torch.Generator().manual_seed(5))


def assert_decodes(model: nn.Module, first: Given, text: tuple[str, Tensor], whole: Tensor) -> None:
    """`whole` is the text as the forward takes it; where its output is the text's alone, a prompt
    has some of that."""
    randomise(dict(model.named_parameters()), seed=7)
    name, flat = text
    full = model(**first, **{name: whole})
    before = full.shape[1] - flat.shape[1]
    for cuts in cuts_of(flat.shape[1]):
        cuts = [cut for cut in cuts if cut + before > 0]
        found = stepped(model, first, text, cuts)
        assert_equal_at_every_position(found, full[:, : before + cuts[-1]], before + cuts[0])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("what", OF_GRIDS)
@torch.no_grad()
def test_a_text_on_a_grid_decodes_as_it_runs(what: str, style: str) -> None:
    model = model_of(changed(GRID, OF_GRIDS[what]), style)
    tokens, image = ids(17, 2, 3), ids(19, 2, 4, 5)
    assert_decodes(model, {"tokens": tokens}, ("image", image.flatten(1)), image)


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_a_text_on_a_grid_may_stand_alone(style: str) -> None:
    alone = ("inputs: {tokens: ids(V) B T, ", "inputs: {"), ("  text: [tokens, {embed: d}]\n", "")
    model = model_of(changed(GRID, *alone, ("concat: [text, grid]", "grid")), style)
    image = ids(19, 2, 4, 5)
    assert_decodes(model, {}, ("image", image.flatten(1)), image)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("what", OF_TEXTS)
@torch.no_grad()
def test_a_text_behind_patches_decodes_as_it_runs(what: str, style: str) -> None:
    model = model_of(changed(PLAIN, OF_TEXTS[what]), style)
    picture = torch.randn(2, 3, 8, 12, dtype=torch.double)
    text = ids(19, 2, 11)
    assert_decodes(model, {"picture": picture}, ("ids", text), text)


LAYOUTS = """\
tfspec: 1
name: layouts
dims: {B: batch, T: 1..12, N: 3, V: 17, d: 24, h: 3}
inputs: {words: ids(V) B N, ids: ids(V) B T}
blocks:
  layer: {norm: {at: pre}, do: [attend: {heads: h, mask: causal}]}
streams:
  front: [words, {embed: d}]
  tail: [ids, {embed: d}]
  pairs: [{zip: {slot: {s: tail, a: [ids, {embed: d}]}}}, {stack: {of: layer, depth: 1}}, {take: {slot: a}}]
  behind: [{concat: [front, tail]}, {stack: {of: layer, depth: 1}}, {take: tail}]
  led: [tail, {prepend: cls}, {stack: {of: layer, depth: 1}}, {drop: cls}]
  alone: [tail, {stack: {of: layer, depth: 1}}]
outputs:
  logits: [sum: [pairs, behind, led, alone]]
"""


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_a_block_has_room_for_each_layout_of_the_text(style: str) -> None:
    spec = changed(LAYOUTS)
    rooms = re.findall(r"\(batch, 3, (.*?), 8\)", spec.emit(style=style, parts=("decode",)))
    assert {*rooms} == {"2 * length", "self.before + length", "length"}
    text, words = ids(17, 2, 11), ids(17, 2, 3)
    assert_decodes(model_of(spec, style), {"words": words}, ("ids", text), text)


@pytest.mark.parametrize("style", STYLES)
def test_a_method_for_decoding_has_a_cache_always(style: str) -> None:
    source = DALLE.architecture.emit(style=style, parts=("decode",))
    asked = re.findall(r"def (\w+)\((?:(?!def )[\s\S])*?if cache is not None", source)
    assert asked == ["forward"]


# ---- generation

SMALL = {"T": 6, "H": 5, "W": 4, "r": 1, "V": 11, "codes": 13, "d": 30, "h": 5, "f": 77, "L": 4}


def test_a_grid_is_continued_by_its_own_ids() -> None:
    """The output tells of words too, whose ids come first: an image has none of them."""
    file = run_file(DALLE.architecture.emit(parts=("generate",)))
    model = place(file.build(), answer(DALLE).weights).eval()
    randomise(dict(model.named_parameters()), seed=3, scale=3)
    tokens, image = (DALLE.ours()[name] for name in ("tokens", "image"))
    for given in (0, 3, 6):
        prompt, cache = image.flatten(1)[:, :given], model.cache(2, H * W)
        steps = (model.prefill, model.decode)
        found = file.generate(tokens, prompt, H * W - given, cache, *steps).clone()
        with torch.no_grad():
            told = model(tokens, found.unflatten(1, (H, W)))[:, 5 + given : -1, -13:]
        assert torch.equal(found[:, given:], told.argmax(-1))
        assert len(found[:, given:].unique()) > 4, "the images are too dull to tell anything"
    with pytest.raises(ValueError, match="the cache has room for 20 tokens"):
        file.generate(tokens, prompt, H * W, cache, *steps)


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("part", ["generate", "decode"])
def test_every_comment_holds_in_every_mode(part: str, style: str) -> None:
    report = verify(tfspec.load("dall-e", SMALL), style=style, parts=(part,))
    assert report.ok, report
    assert "prefill, decode" in str(report)


@pytest.mark.slow
def test_every_comment_holds_behind_patches() -> None:
    report = verify(changed(PLAIN), parts=("generate",))
    assert report.ok, report


@pytest.mark.parametrize("part", ["generate", "decode"])
def test_a_file_runs_a_prompt_of_a_grid(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = changed(GRID).emit(parts=(part,))
    run = code.replace("= compile(model)", "= model.prefill, model.decode")
    exec(run, {"__name__": "__main__"})
    shown = {"generate": "(2, 16)\n", "decode": "(2, 1, 19) (2, 1, 19)\n"}
    assert capsys.readouterr().out.startswith(shown[part])


# ---- what it costs


def test_a_token_costs_one_token_against_all_slots() -> None:
    """64 layers, each with keys and values of the text and of the whole image."""
    cost = json.loads(tfspec.load("dall-e").cost("decode").json())
    d, layers, slots = 3968, 64, 256 + 32 * 32
    maps = layers * (4 * d * d + 2 * d * 4 * d) + d * (16384 + 256 + 8192)
    assert cost["flops"]["forward"] == 2 * maps + layers * 4 * slots * d
    assert cost["memory"]["cache"] == 4 * layers * 2 * slots * d


def test_flops_are_what_torch_counts() -> None:
    spec = tfspec.load("dall-e", SMALL | {"B": 2})
    model = run_file(spec.emit(style="explicit", parts=("decode",))).build()
    tokens, image, cache = ids(17, 2, 6), ids(13, 2, 20), model.cache(2, 20)
    counted = {
        "prefill": flops(lambda: model.prefill(tokens, image, cache)),
        "decode": flops(lambda: model.decode(image[:, :1], torch.tensor([0]), cache)),
    }
    for mode, count in counted.items():
        assert json.loads(spec.cost(mode).json())["flops"]["forward"] == count


def test_a_cache_holds_what_stands_before_the_text() -> None:
    """Two layers, keys and values of 24 features, six patches; a window is of all tokens."""
    held = cached(changed(PLAIN, (ATTEND, "mask: causal and within(3)}")).semantics)
    assert held is not None
    sizes = {"B": 1, "S": 100, "d": 24, "h": 3, "H": 8, "W": 12, "p": 4}
    assert (held.held.value(sizes), held.needed.value(sizes)) == (96 * 106, 96 * 3)


# ---- the tests can see

MISTAKES = {
    "places of the image alone": ("positions = position + 6", "positions = position"),
    "rows of another length": ("self.grid_pos1[position // 4]", "self.grid_pos1[position // 5]"),
    "columns from 1": ("self.grid_pos2[position % 4]", "self.grid_pos2[(position + 1) % 4]"),
    "columns of all tokens": ("query_w = (positions - 6) % 4", "query_w = positions % 4"),
    "a window too narrow": ("slots).abs() < 5", "slots).abs() < 4"),
    "room for the image alone": ("6 + length", "length"),
    "a prompt without its text": ("torch.cat((h, x +", "torch.cat((0 * h, x +"),
}


def assert_steps(model: nn.Module, first: Given, text: tuple[str, Tensor], full: Tensor) -> None:
    found = stepped(model, first, text, [*range(H * W + 1)])
    assert_equal_at_every_position(found, full, full.shape[1] - H * W)


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_in_decoding_is_seen(mistake: str) -> None:
    old, new = MISTAKES[mistake]
    before, after = DALLE.architecture.emit(parts=("decode",)).split("def prefill")
    assert old in before + after
    before = before.replace(old, new) if "length" in old else before  # the forward stays
    source = f"{before}def prefill{after.replace(old, new)}"
    model = place(run_file(source).build(), answer(DALLE).weights).double().eval()
    tokens, image = (DALLE.ours()[name] for name in ("tokens", "image"))
    full = model(tokens, image)
    with pytest.raises((AssertionError, RuntimeError, IndexError)):
        assert_steps(model, {"tokens": tokens}, ("image", image.flatten(1)), full)


# ---- what remains

IMAGE = "image: ids(codes) B H W"
REFUSED = {
    "a text of any length in front": (
        [("T: 3,", "T: 1..3,")],
        "a text behind T tokens is not supported yet with a cache",
    ),
    "rows of any length": (
        [("W: 5", "W: 1..5")],
        "a text on a grid with rows of any length, `H·W`, is not supported yet in decoding",
    ),
    "the text twice": (
        [("concat: [text, grid]", "concat: {a: grid, b: text, c: grid}")],
        "a text with 2·H·W + T tokens along H·W is not supported yet with a cache",
    ),
    "flags of the grid": (
        [(IMAGE, IMAGE + ", ok: bool B H W"), (ATTEND, "mask: causal and key.ok}")],
        "the input `ok`, along a text on a grid, is not supported yet in decoding",
    ),
    "flags of a part": (
        [(IMAGE, IMAGE + ", ok: bool B T"), (ATTEND, "mask: causal and key.ok}")],
        "`key.ok`, of a part or of a grid, is not supported yet in decoding",
    ),
    "ids of the grid in a mask": (
        [(ATTEND, "mask: causal and key.image != 3}")],
        "`key.image`, of a part or of a grid, is not supported yet in decoding",
    ),
    "rotations of rows and columns": (
        [(ATTEND, "mask: causal, rope: {base: 100, over: [H, W]}}")],
        "`rope` over axes is not supported yet in decoding",
    ),
    "places of another part": (
        [(POS, "    - pos: {learned: T}\n")],
        "positions of other tokens are not supported yet in decoding",
    ),
    "a table inside of an attention": (
        [(ATTEND, "mask: causal, pos: learned}")],
        "`attention` with other steps for a prompt than for a forward is not supported yet in decoding",
    ),
    "a prefix that sees itself": (
        [(ATTEND, "mask: causal or key.text}")],
        "attention that is not causal is not supported yet in decoding",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_decoded_is_refused_with_its_place(what: str) -> None:
    changes, message = REFUSED[what]
    assert_refused(changed(GRID, *changes), "decode", message)


def assert_refused(spec: api.Architecture, part: str, message: str) -> None:
    assert spec.check().ok
    with pytest.raises(api.SpecError) as caught:
        spec.emit(parts=(part,))
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("TS901", message)
    assert found.span is not None
    assert found.help


def test_a_text_that_is_not_last_has_no_cost_of_a_step() -> None:
    spec = changed(PLAIN, ("concat: [patches, text]", "concat: [text, patches]"))
    with pytest.raises(api.SpecError) as caught:
        spec.cost("decode")
    (found,) = caught.value.diagnostics
    message = "a text beside other tokens in one value, `T + H·W`, is not supported yet in decoding"
    assert (found.code, found.message) == ("TS901", message)
    assert "a text that is decoded stands alone, or last" in found.help[0]


def test_learned_tokens_for_every_place_are_refused() -> None:
    """They do not follow the text: of new tokens it were not known which they meet."""
    learned = "[sum: [[ids, {embed: d}], [{learn: {axes: {R: 16}, width: d}}]]]"
    spec = changed(PLAIN, ("T: 1..16", "T: 16"), ("[ids, {embed: d}]", learned))
    message = "`+` of new tokens and of whole values is not supported yet in decoding"
    assert_refused(spec, "decode", message)


def test_an_output_of_more_ids_than_the_parts_have_is_not_continued() -> None:
    spec = changed(GRID, (AFTER, "[both, {linear: V + codes + 1}]"))
    message = "`logits` of 37 (= V + codes + 1) ids for the text `image` is not supported yet in generation"
    assert_refused(spec, "generate", message)
    assert "def decode" in spec.emit(parts=("decode",))
