"""What the order of heads and tokens leaves for backward: joining heads is a view, and v does not
hold the result of the fused matrix."""

from __future__ import annotations

import pytest
import torch

import tfspec
from tests.bundled import small
from tests.memory.measure import measured, wrong
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.graph.graph import Graph
from tfspec.passes.memory.saved import saved
from tfspec.program import heads
from tfspec.runtime.draws import inputs
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim, sym

pytestmark = pytest.mark.filterwarnings("default")

B, T, d, h, g, f = map(sym, "BTdhgf")
k = d.exact_div(h)
# bytes of a token and layer beside the norms, bf16: the inputs of the maps, q, k and v, the result
# of attention (the input of `out` too) with a number a query, gate and up, silu and their product
KEPT = 2 * d + 2 * h * k + 4 * g * k + (2 * h * k + 4 * h) + 2 * d + 4 * f + 2 * f + 2 * f
# x and a number, twice; a CPU makes x and x before its gain in fp32
NORMS = {"h100": 2 * (2 * d + 4), "cpu": 2 * (8 * d + 4)}
# that of a random state of the flash kernel, a layer
STATE = {"h100": 24, "cpu": 0}
NUMBERS = {"h100": 168_072, "cpu": 217_224}


def layer(graph: Graph, target: str) -> Dim:
    """What one layer keeps in bf16, in all."""
    rows = [r for r in saved(graph, dtype="bf16", target=target).rows if r.module.startswith("bl")]
    return sum((row.size for row in rows), Dim.of(0)).exact_div(sym("L"))


@pytest.mark.parametrize("target", NUMBERS)
def test_llama_keeps_what_backward_needs(target: str) -> None:
    graph = tfspec.load("llama-3-8b").semantics
    found = layer(graph, target)
    assert found == B * T * (KEPT + NORMS[target]) + STATE[target]
    at = {**graph.bindings(), "B": 1, "T": 4096}
    assert found.value(at) == NUMBERS[target] * 4096 + STATE[target]


def test_what_it_kept_in_the_order_of_the_textbook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads before tokens, then turned: a copy of the result [B, T, h·k] in heads' order, and q
    and k as they were, for v holds them."""
    monkeypatch.setattr(heads, "stay_inside", lambda *_: False)
    found = layer(tfspec.load("llama-3-8b").semantics, "h100")
    assert found - B * T * (KEPT + NORMS["h100"]) - 24 == B * T * 2 * h * k

    monkeypatch.setattr(heads, "apart", lambda low, x, *_: x)
    graph = tfspec.load("llama-3-8b").semantics
    found = layer(graph, "h100")
    assert found - B * T * (KEPT + NORMS["h100"]) - 24 == B * T * (2 * h * k + 2 * (h + g) * k)
    at = {**graph.bindings(), "B": 1, "T": 4096}
    assert found.value(at) == 186_504 * 4096 + 24


def test_the_copy_of_v_frees_what_it_says() -> None:
    """Live: without it, a token and layer keep q and k once more."""
    spec = small("llama-3-8b")
    source = spec.emit()
    assert source.count("v = v.clone().transpose(1, 2)") == 1
    sizes = {**spec.semantics.bindings(), "B": 2, "T": 5}
    given = inputs(spec.semantics, sizes, "cpu")
    texts = source, source.replace(".clone()", "")
    copied, held = (measured(run_file(text).build(), given) for text in texts)
    assert held - copied == (B * T * sym("L") * 4 * (h + g) * k).value(sizes)


def test_a_cache_is_a_copy_itself() -> None:
    source = small("llama-3-8b").emit(parts=("generate",))
    assert "v = v.transpose(1, 2)  # [B, g, T, k]\n" in source
    assert ".clone()" not in source


# ---- every kind of attention that turns or normalises

SPEC = """\
tfspec: 1
name: toy
dims: {B: batch, F: batch, H: 4, W: 4, T: 2..9, d: 20, h: 4, g: 2, k: 12}
inputs: {x: float B AXES (d)}
blocks: {only: {do: [attend: {heads: h, kv_heads: g, head_dim: k, KNOBS}], residual: none}}
streams: {s: [x, only]}
outputs: {y: s}
"""
LATE = "q = {}.transpose({}"
TURNED, NORMED = "rotate(q, rope)", "self.q_norm(q)"
KINDS = {
    "turned": ("T", "rope: 50", LATE.format(TURNED, 1), True),
    "turned in part": ("T", "rope: {base: 50, partial: 1/3}", LATE.format(TURNED, 1), True),
    "neighbours": ("T", "rope: {base: 50, interleaved: true}", LATE.format(TURNED, 1), True),
    "over two axes": ("H W", "rope: {base: 50, over: [H, W]}", LATE.format(TURNED, 1), True),
    "over two, neighbours": (
        "H W", "rope: {base: 50, over: [H, W], interleaved: true}", LATE.format(TURNED, 1), True,
    ),
    "normalised": ("T", "qk_norm: head", LATE.format(NORMED, 1), False),
    "normalised, by RMS": ("T", "qk_norm: {kind: rms}", LATE.format(NORMED, 1), False),
    "of unit length": ("T", "qk_norm: {kind: l2}", LATE.format("F.normalize(q, dim=-1, eps=1e-12)", 1), False),
    "normalised and turned": (
        "T", "qk_norm: head, rope: 50", LATE.format("rotate(self.q_norm(q), rope)", 1), False,
    ),
    "in windows": (
        "H W", "qk_norm: head, window: {H: 2, W: 2}", LATE.format(NORMED, 2), False,
    ),
    # products of matrices, and windows that join the heads, want heads before tokens
    "in windows that shift": (
        "H W", "qk_norm: head, window: {H: 2, W: 2}, shift: {H: 1, W: 1}", "q = self.q_norm(q)  #", False,
    ),
    "bounded scores": ("T", "rope: 50, softcap: 5", "q = rotate(q, rope)  #", False),
    "dropout": ("T", "rope: 50, dropout: 0.1", "q = rotate(q, rope)  #", False),
    "two batch axes": ("F T", "rope: 50", LATE.format(TURNED, 2), True),
}  # fmt: skip


def kind(axes: str, knobs: str) -> Architecture:
    return Architecture(load_text(SPEC.replace("AXES", axes).replace("KNOBS", knobs)))


@pytest.mark.parametrize("what", KINDS)
def test_every_kind(what: str) -> None:
    axes, knobs, line, copied = KINDS[what]
    source = kind(axes, knobs).emit()
    assert line in source
    assert (".clone()" in source) == copied
    for style in ("fast", "explicit"):
        assert wrong(kind(axes, knobs), style) == []


@pytest.mark.parametrize("what", ["turned", "dropout"])
def test_where_dropout_does_not_ask_for_products(what: str) -> None:
    """A GPU's kernels drop weights themselves."""
    axes, knobs, *_ = KINDS[what]
    source = kind(axes, knobs).emit(target="h100")
    assert LATE.format(TURNED, 1) in source
    assert ".clone()" in source


def test_the_textbook_turns_heads_before_tokens() -> None:
    source = kind("T", "rope: 50").emit(style="explicit")
    assert "q = rotate(q, rope)  # [B, h, T, k]" in source
    assert ".clone()" not in source


@torch.no_grad()
def test_both_orders_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    knobs = "rope: 50, qk_norm: head"
    sources = [kind("T", knobs).emit()]
    monkeypatch.setattr(heads, "stay_inside", lambda *_: False)
    sources.append(kind("T", knobs).emit())
    assert sources[0] != sources[1]
    late, early = (run_file(source).build() for source in sources)
    early.load_state_dict(late.state_dict())
    x = torch.randn(3, 9, 20)
    torch.testing.assert_close(late(x), early(x), rtol=1e-5, atol=1e-6)
