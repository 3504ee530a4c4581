"""Norms that are modulated and branches that are gated by another value, against the formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.bundled import batches, small
from tests.parity.running import model_of, randomise, run_file
from tfspec.api import Architecture, SpecError
from tfspec.passes.emit.emit import program_of
from tfspec.runtime.weights import unpack
from tfspec.spec.load import load_text

SPEC = """\
tfspec: 1
name: modulation
dims: {B: batch, T: 1..9, H: 3, W: 2, e: 7, d: 4}
inputs: {x: float B T (d), y: float B T (e), g: float B (d) H W, c: float B (e), t: float B}
blocks: {BLOCK}
streams: {s: STREAM}
outputs: {z: s}
"""
Weights = Mapping[str, Tensor]
Given = Mapping[str, Tensor]
Case = tuple[str, str, Callable[[Weights, Given], Tensor]]
INNER = "do: [silu]"


def of(w: Weights, name: str, value: Tensor) -> Tensor:
    return F.linear(value, w[f"{name}.weight"], w[f"{name}.bias"])


def normed(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def branch(w: Weights, x: Tensor, c: Tensor) -> Tensor:
    """silu(norm(x)·(1 + scale) + shift)."""
    return F.silu(normed(x) * (1 + of(w, "b.scale", c)) + of(w, "b.shift", c))


PLAIN = "norm: {affine: false, modulate: %s}"
CASES: dict[str, Case] = {
    "one vector for all tokens": (
        f"b: {{{PLAIN % 'c'}, {INNER}}}",
        "[x, b]",
        lambda w, i: i["x"] + branch(w, i["x"], i["c"][:, None]),
    ),
    "a vector a token": (
        f"b: {{{PLAIN % 'y'}, {INNER}}}",
        "[x, b]",
        lambda w, i: i["x"] + branch(w, i["x"], i["y"]),
    ),
    "one vector for all samples": (
        f"b: {{{PLAIN % '{learn: {width: e}}'}, {INNER}}}",
        "[x, b]",
        lambda w, i: i["x"] + branch(w, i["x"], w["b.learn"]),
    ),
    "a single token": (
        f"b: {{{PLAIN % 'c'}, {INNER}}}",
        "[x, {pool: mean}, b]",
        lambda w, i: i["x"].mean(1) + branch(w, i["x"].mean(1), i["c"]),
    ),
    "several parts": (
        f"b: {{{PLAIN % '[c, silu]'}, {INNER}}}",
        "[{concat: [x, g]}, b]",
        lambda w, i: parts(i) + branch(w, parts(i), F.silu(i["c"])[:, None]),
    ),
    "behind the branch, with a gain": (
        "b: {norm: {at: out, bias: false, modulate: c}, do: [silu]}",
        "[x, b]",
        lambda w, i: (
            i["x"]
            + normed(F.silu(i["x"])) * w["b.norm.weight"] * (1 + of(w, "b.scale", i["c"])[:, None])
            + of(w, "b.shift", i["c"])[:, None]
        ),
    ),
    "on the sum": (
        "b: {norm: {kind: l2, at: post, modulate: y}, do: [silu]}",
        "[x, b]",
        lambda w, i: (
            F.normalize(i["x"] + F.silu(i["x"]), dim=-1) * (1 + of(w, "b.scale", i["y"]))
            + of(w, "b.shift", i["y"])
        ),
    ),
    "a step": (
        "",
        "[x, {norm: {affine: false, modulate: c}}]",
        lambda w, i: (
            normed(i["x"]) * (1 + of(w, "scale", i["c"])[:, None]) + of(w, "shift", i["c"])[:, None]
        ),
    ),
    "a gate": (
        f"b: {{residual: {{gate: {{from: c}}}}, {INNER}}}",
        "[x, b]",
        lambda w, i: i["x"] + of(w, "b.gate", i["c"])[:, None] * F.silu(i["x"]),
    ),
    "a gate a token, over a learned factor": (
        f"b: {{residual: {{gate: {{from: y}}, layerscale: 1, scale: 3, skip: 2}}, {INNER}}}",
        "[x, b]",
        lambda w, i: 2 * i["x"] + of(w, "b.gate", i["y"]) * w["b.layerscale"] * 3 * F.silu(i["x"]),
    ),
    "two values modulate": (
        "b: {norm: {affine: false, modulate: c}, residual: {gate: {from: y}}, do: [silu, tanh]}",
        "[x, b]",
        lambda w, i: two(w, i),
    ),
    "no biases": (
        f"b: {{bias: false, residual: {{gate: {{from: c}}}}, {INNER}}}",
        "[x, b]",
        lambda w, i: i["x"] + F.linear(i["c"], w["b.gate.weight"])[:, None] * F.silu(i["x"]),
    ),
    "sines in turn": ("", "[t, {sinusoid: 6}]", lambda w, i: waves(i["t"], 6, 10000)),
    "sines first": (
        "",
        "[t, {sinusoid: {width: e - 1, base: 50, layout: halves}}]",
        lambda w, i: waves(i["t"], 6, 50)[:, [0, 2, 4, 1, 3, 5]],
    ),
    "cosines first": (
        "",
        "[[y, {linear: 1}], {sinusoid: {width: 6, layout: cosines_first}}]",
        lambda w, i: waves(of(w, "linear", i["y"])[..., 0], 6, 10000)[..., [1, 3, 5, 0, 2, 4]],
    ),
}


def parts(i: Given) -> Tensor:
    return torch.cat([i["x"], i["g"].flatten(2).mT], 1)


def two(w: Weights, i: Given) -> Tensor:
    """Two branches; what reads c is one map in the fast style, and what reads y another."""
    x = i["x"]
    for at, f in ((1, F.silu), (2, torch.tanh)):
        scale, shift = (of(w, f"b.{role}{at}", i["c"])[:, None] for role in ("scale", "shift"))
        x = x + of(w, f"b.gate{at}", i["y"]) * f(normed(x) * (1 + scale) + shift)
    return x


def waves(t: Tensor, width: int, base: float) -> Tensor:
    found = [
        f(t.double() * base ** (-2 * j / width))
        for j in range(width // 2)
        for f in (torch.sin, torch.cos)
    ]
    return torch.stack(found, -1).float()


def architecture(block: str, stream: str, init: str = "") -> Architecture:
    text = SPEC.replace("BLOCK", block).replace("STREAM", stream) + init
    return Architecture(load_text(text))


def given() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(2)
    shapes = {"x": (2, 5, 4), "y": (2, 5, 7), "g": (2, 4, 3, 2), "c": (2, 7), "t": (2,)}
    return {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("style", ["fast", "explicit"])
@torch.no_grad()
def test_what_the_formula_says(case: str, style: str) -> None:
    block, stream, wanted = CASES[case]
    spec = architecture(block, stream)
    assert [each.message for each in spec.check().diagnostics if each.severity == "error"] == []
    model = model_of(spec.emit(style=style))
    rng = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=rng))
    weights = unpack(program_of(spec.semantics, style=style), dict(model.named_parameters()))
    torch.testing.assert_close(model(**given()), wanted(weights, given()), rtol=1e-5, atol=1e-5)


def test_what_reads_one_value_is_one_matrix() -> None:
    spec = architecture(*CASES["two values modulate"][:2])
    names = {name for name, _ in model_of(spec.emit()).named_parameters()}
    assert names == {f"b.modulation{n}.{each}" for n in ("", "2") for each in ("weight", "bias")}


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize(
    ("kind", "zeros", "gone"),
    [
        ("torch", "[gate, modulate]", {"gate", "scale", "shift"}),
        ("xavier", "gate", {"gate"}),
        ("normal", "modulate", {"scale", "shift"}),
    ],
)
def test_what_starts_at_zero(kind: str, zeros: str, gone: set[str], style: str) -> None:
    """What `zeros` names does, and nothing else; a gate of 0 makes a block pass its value on."""
    block = "b: {norm: {modulate: c}, residual: {gate: {from: c}}, do: [{linear: d}, {linear: d}]}"
    spec = architecture(block, "[x, b]", f"init: {{kind: {kind}, zeros: {zeros}}}\n")
    model = model_of(spec.emit(style=style))
    weights = unpack(program_of(spec.semantics, style=style), dict(model.named_parameters()))
    found = {name for name, weight in weights.items() if not weight.any()}
    maps = [f"b.{role}{at}" for role in gone for at in (1, 2)]
    norms = {f"b.norm{at}.bias" for at in (1, 2)}
    assert found - norms == {f"{each}.{name}" for each in maps for name in ("weight", "bias")}
    passes = torch.equal(model(**given()), given()["x"])
    assert passes == ("gate" in gone)


ZEROS = {
    "y.linear": {"y_linear"},
    "out.linear": {"out"},
    "[y.linear, linear.linear]": {"y_linear", "linear"},
    "x.linear": {"x_linear1", "x_linear2", "x_b.linear"},
    "b.linear": {"x_b.linear"},
    "b.modulate": {"x_b.scale", "x_b.shift"},
    "x.modulate": {"x_b.scale", "x_b.shift"},
    "[b.linear, linear.linear]": {"x_b.linear", "linear"},
    "linear": {"x_linear1", "x_linear2", "x_b.linear", "y_linear", "out", "linear"},
}
PLACES = """\
tfspec: 1
name: toy
dims: {B: batch, T: 1..9, d: 12}
inputs: {a: float B T (d), c: float B (d)}
blocks: {b: {norm: {modulate: c}, do: [{linear: d}]}}
streams:
  x: [a, {linear: d}, {linear: d}, b]
  y: [a, {linear: d}]
outputs:
  out: [x, {linear: 3}]
  linear: [y, {linear: 4}]
"""


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("zeros", ZEROS)
def test_what_starts_at_zero_is_told_by_its_place(zeros: str, style: str) -> None:
    """Two maps are called `linear`: an output's at the root, and that of block `b`."""
    spec = Architecture(load_text(f"{PLACES}init: {{kind: torch, zeros: {zeros}}}\n"))
    model = model_of(spec.emit(style=style))
    weights = unpack(program_of(spec.semantics, style=style), dict(model.named_parameters()))
    found = {name for name, weight in weights.items() if not weight.any()} - {"x_b.norm.bias"}
    assert found == {f"{each}.{name}" for each in ZEROS[zeros] for name in ("weight", "bias")}


def test_a_fresh_dit_says_nothing() -> None:
    """Its last map starts at 0 beside its gates (Peebles and Xie 2022's code)."""
    spec = small("dit-xl-2")
    model = model_of(spec.emit())
    assert not model(*next(batches(spec, 1)).values()).any()


def test_a_name_that_tells_no_zero_apart_is_refused() -> None:
    block = "b: {residual: {gate: {from: c}}, do: [{ffn: {hidden: d, act: swiglu}}]}"
    spec = architecture(block, "[x, b]", "init: {zeros: gate}\n")
    assert "nn.init.zeros_" in spec.emit()
    with pytest.raises(SpecError) as refused:
        spec.emit(style="explicit")
    said = str(refused.value)
    assert "a map called `gate` that starts at 0 beside one that does not" in said
    assert "init: {zeros: gate}" in said
    assert "build the fast one" in said


TEXT = """\
tfspec: 1
name: by_class
dims: {B: batch, T: 1..16, V: 11, classes: 5, d: 8, h: 2, L: 2}
inputs: {tokens: ids(V) B T, label: ids(classes) B}
blocks:
  layer:
    norm: {affine: false, modulate: kind}
    residual: {gate: {from: kind}}
    do: [{attend: {heads: h, mask: causal}}, {ffn: {hidden: d, act: gelu}}]
streams:
  kind: [label, {embed: d}, silu]
  text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}]
outputs: {logits: [text, {norm: {modulate: kind}}, {linear: V}]}
"""


@torch.no_grad()
def test_a_text_of_a_class_goes_on_as_it_began() -> None:
    """A value that modulates is made anew for every token: it is no part of the cache."""
    file = run_file(Architecture(load_text(TEXT)).emit(parts=("generate",)))
    model = file.build().eval()
    randomise(dict(model.named_parameters()), seed=1)
    text, label = torch.randint(11, (3, 5)), torch.tensor([0, 4, 2])
    made = file.generate(label, text, 6, model.cache(3, 11), model.prefill, model.decode)
    for _ in range(6):
        text = torch.cat([text, model(text, label)[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(made, text)
