"""`take` at the positions of an ids input: which tokens they are, and what they cost."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from tests.cost.counted import miscounted
from tests.memory.live import differences
from tests.memory.measure import STYLES, wrong
from tests.memory.partition import cut_step
from tests.memory.test_mixed import differences as mixed
from tests.parity.running import run_file
from tests.test_modes import assert_equal_at_every_position
from tests.time import measured
from tfspec.api import Architecture, SpecError
from tfspec.passes.memory.compiled import kept_compiled
from tfspec.program.program import Style
from tfspec.runtime.draws import inputs
from tfspec.spec.load import load_text

pytestmark = pytest.mark.filterwarnings("default")
SPEC = """
tfspec: 1
name: taken
dims: {B: batch, A: batch, T: 4..9, S: 2..3, K: 1..5, H: 2, W: 2..3, d: 8, e: 5}
inputs:
  x: float B T (d)
  many: float A B T (d)
  keep: ids(T) B K
  back: ids(T + 3) B H W
  best: ids(T) B
  same: ids(T) K
  each: ids(T) A B K
  few: ids(4) B K
  outer: ids(T) A K
blocks: {layer: {norm: {at: pre}, do: [attend: {heads: 2, rope: {base: 100, over: [H, W]}}]}}
streams:
  rows: [x, {linear: d}]
  heaps: [many, {linear: d}]
  learned: {learn: {axes: {R: 4}, width: d}}
  out: OUT
outputs: {y: [out, {linear: e}]}
"""
SIZES = {"B": 3, "A": 2, "T": 7, "S": 2, "K": 4, "W": 3}
LOOKED_OVER = "[rows, {prepend: {r: 3}}, {take: back}, layer]"
OUTS = {
    "some": "[rows, {take: keep}]",
    "a grid, of several parts": "[rows, {prepend: [a, {r: 2}]}, {take: back}]",
    "one": "[rows, {take: best}]",
    "of what is not learned": "[x, {take: keep}]",
    "the same in each row": "[rows, {take: same}]",
    "over two batch axes": "[heaps, {take: each}]",
    "the same along one of two batch axes": "[heaps, {take: keep}]",
    "the same along the other": "[heaps, {take: outer}]",
    "of what is the same along one of two": "[rows, {take: each}]",
    "of learned tokens": "[learned, {take: few}]",
}


def taken(out: str, **sizes: int) -> Architecture:
    return Architecture(load_text(SPEC.replace("OUT", out)), sizes)


def drawn(architecture: Architecture, **sizes: int) -> dict[str, Tensor]:
    graph = architecture.semantics
    return inputs(graph, graph.bindings() | SIZES | sizes, "cpu")


def whole(out: str, model: nn.Module, given: dict[str, Tensor]) -> Tensor:
    """The value of whose tokens some are taken: [..., N, d]."""
    if "learned" in out:
        return model.get_parameter("learned_learn").expand(3, -1, -1)
    x = given["many" if "heaps" in out else "x"]
    name = out[1:].partition(",")[0]
    x = x if name == "x" else model.get_submodule(f"{name}_linear")(x)
    if "prepend" in out:
        first = torch.cat([model.get_parameter("out_a")[None], model.get_parameter("out_r")])
        x = torch.cat([first.expand(3, -1, -1), x], 1)
    return x.expand(2, -1, -1, -1) if "each" in out else x


def by_loops(x: Tensor, places: Tensor) -> Tensor:
    """x [..., N, d] at [..., n], row by row and token by token: [..., n, d]."""
    if x.dim() == 2:
        return torch.stack([x[int(at)] for at in places])
    given = places if places.dim() == x.dim() - 1 else places.expand(len(x), *places.shape)
    return torch.stack([by_loops(row, at) for row, at in zip(x, given, strict=True)])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", OUTS)
@torch.no_grad()
def test_they_are_the_tokens_at_those_positions(case: str, style: Style) -> None:
    out = OUTS[case]
    architecture = taken(out)
    model = run_file(architecture.emit(style=style)).build()
    given = drawn(architecture)
    places = given[re.findall(r"take: (\w+)", out)[0]]
    if "best" in out:
        wanted = by_loops(whole(out, model, given), places[:, None])[:, 0]
    else:
        places = places.flatten(1) if "back" in out else places
        places = places[:, None].expand(-1, 3, -1) if "outer" in out else places
        wanted = by_loops(whole(out, model, given), places)
    torch.testing.assert_close(model(**given), model.y(wanted))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("out", [*OUTS.values(), LOOKED_OVER], ids=[*OUTS, "looked over"])
def test_memory_is_torchs(out: str, style: Style) -> None:
    architecture = taken(out)
    assert wrong(architecture, style) == []
    for dtype, checkpoint in (("fp32", "none"), ("bf16", "block")):
        assert differences(architecture, style, dtype, None, checkpoint) == []
    assert mixed(architecture, style) == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("out", [OUTS["some"], OUTS["over two batch axes"], LOOKED_OVER])
def test_a_compiled_step_keeps_what_torchs_does(out: str, style: Style) -> None:
    architecture = taken(out)
    sizes = {**architecture.semantics.bindings(), **SIZES}
    told = kept_compiled(architecture.semantics, dtype="fp32", style=style, sizes=sizes)
    assert told.bytes == cut_step(architecture, sizes, "fp32", style).bytes


@pytest.mark.parametrize("out", OUTS.values(), ids=OUTS)
def test_flops_and_traffic_are_torchs(out: str) -> None:
    architecture = taken(out)
    loose = SIZES.keys() & architecture.semantics.facts.domains.keys()
    assert [*miscounted(architecture, {name: SIZES[name] for name in loose})] == []
    measured.assert_traffic(architecture, "fp32", "mixed")


@pytest.mark.slow
@torch.no_grad()
def test_it_compiles_whole_and_for_other_sizes() -> None:
    """One graph, which is not compiled again as rows and positions become more."""
    architecture = taken(LOOKED_OVER)
    model = run_file(architecture.emit()).build()
    graphs: list[int] = []

    def count(graph: torch.fx.GraphModule, given: list[Tensor]) -> object:
        graphs.append(len(given))
        return graph.forward

    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend=count)
    for more in (0, 1, 2):
        given = drawn(architecture, B=11 + more, T=6 + more)
        torch.testing.assert_close(compiled(**given), model(**given))
    assert len(graphs) == 1


def test_parts_and_axes_are_the_inputs() -> None:
    """Outside of streams the part bears the input's name, and behind it axes are spoken of."""
    named = SPEC.replace(
        "{y: [out, {linear: e}]}", "{y: [rows, {take: back}, {pool: {mean: [W]}}, {take: back}]}"
    )
    found = Architecture(
        load_text(named.replace("back: ids(T + 3)", "back: ids(2)").replace("OUT", "rows"))
    )
    assert str(found.semantics.outputs["y"].space.parts[0].name) == "back"


def test_decoding_refuses_it_in_words() -> None:
    text = SPEC.replace("OUT", "[words, {take: order}]").replace(
        "  x: float", "  tokens: ids(9) B T\n  order: ids(T) B T\n  x: float"
    )
    text = text.replace("streams:\n", "streams:\n  words: [tokens, {embed: d}]\n")
    with pytest.raises(SpecError, match="`take: order` is not supported yet in decoding") as found:
        Architecture(load_text(text)).emit(parts=("decode",))
    assert "ask for no decoding" in str(found.value)


SEER = """
tfspec: 1
name: seer
dims: {B: batch, P: 16, K: 5, T: 1..12, V: 31, d: 8, h: 2}
inputs: {patches: float B P (d), keep: ids(P) B K, tokens: ids(V) B T}
blocks:
  layer: {do: [attend: {heads: h, mask: causal}, attend: {heads: h, to: seen}]}
streams:
  seen: [patches, {linear: d}, {take: keep}]
  text: [tokens, {embed: d}, {pos: learned}, {stack: {of: layer, depth: 2}}]
outputs: {logits: [text, {linear: V}]}
"""


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_a_text_that_reads_what_is_taken_is_decoded(style: Style) -> None:
    """What is taken is made once, with the prompt."""
    architecture = Architecture(load_text(SEER))
    model = run_file(architecture.emit(style=style, parts=("generate",))).build().eval()
    given = inputs(
        architecture.semantics, {"B": 2, "P": 16, "K": 5, "T": 12, "V": 31, "d": 8}, "cpu"
    )
    patches, keep, text = given["patches"], given["keep"], given["tokens"]
    cache = model.cache(2, 12)
    found = [model.prefill(patches, keep, text[:, :5], cache)]
    for start, end in ((5, 6), (6, 9), (9, 12)):
        found.append(model.decode(text[:, start:end], torch.arange(start, end), cache))
    assert_equal_at_every_position(torch.cat(found, 1), model(patches, keep, text), 5)
