"""Bytes moved line by line, held against torch: every operation of an emitted file is watched."""

from __future__ import annotations

import re

import pytest

import tfspec
from tests.bundled import NAMES, small
from tests.time import measured
from tfspec.api import Architecture
from tfspec.ops import norm
from tfspec.passes.time.backward import Backward
from tfspec.passes.time.order import Order
from tfspec.passes.time.traffic import Traffic
from tfspec.program.kernels import Kernel
from tfspec.program.sdpa import Attention
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim

NEARLY = {"swin-t": 0.003, "video-swin-t": 0.003, "dall-e": 0.002, "timesformer": 0.001}
"""How far off it is where the file's functions for windows and biases, which are some kernels each,
count as one; and where one line does much arithmetic on coordinates, of a mask or of rows."""
TURNED_BACK = {"perceiver-io": "join heads"}
"""A line that copies, whose backward is a copy too, and in torch one of those that are left out."""
WITHOUT = {"init_weights", "sinusoids", "build", "compile", "example_inputs"}
"""Functions that a forward does not call."""


def in_lines(name: str) -> bool:
    """Whether each line is a kernel: a function of the file's is several, and RMS norm on a CPU."""
    text = small(name).emit()
    return "RMSNorm" not in text and {*re.findall(r"^def (\w+)", text, re.MULTILINE)} <= WITHOUT


EXACTLY = [name for name in NAMES if in_lines(name) and name not in NEARLY]


@pytest.mark.parametrize("name", EXACTLY)
def test_a_forward_to_the_byte(name: str) -> None:
    architecture = small(name)
    moves = measured.forward(tfspec.build(architecture), measured.given_to(architecture.semantics))
    ours = measured.counted(architecture.semantics, "forward", "forward")
    assert moves.total(*measured.OF_A_CPU) == ours


@pytest.mark.parametrize("name", NEARLY)
def test_a_forward_nearly(name: str) -> None:
    architecture = small(name)
    moves = measured.forward(tfspec.build(architecture), measured.given_to(architecture.semantics))
    ours = measured.counted(architecture.semantics, "forward", "forward")
    without = measured.OF_A_CPU if name == "dall-e" else ()
    assert ours == pytest.approx(moves.total(*without), rel=NEARLY[name])


TURNED = """
tfspec: 1
name: turned
dims: {B: batch, T: 1..64, V: 11, d: 24, h: 3, f: 40}
inputs: {tokens: ids(V) B T}
blocks:
  layer:
    norm: {kind: layer}
    do: [{attend: {heads: h, mask: causal, rope: 10000}}, {ffn: {hidden: f, act: ACT, gated: true}}]
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: 3}}]}
outputs: {y: text}
"""


@pytest.mark.parametrize("act", ["silu", "quick_gelu", "relu2"])
def test_lines_of_several_operations(act: str) -> None:
    """Rotations, and activations that are more than one operation."""
    architecture = Architecture(load_text(TURNED.replace("ACT", act)))
    moves = measured.forward(tfspec.build(architecture), measured.given_to(architecture.semantics))
    assert moves.total() == measured.counted(architecture.semantics, "forward", "forward")


def test_a_mistake_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = small("gpt2")
    moves = measured.forward(tfspec.build(architecture), measured.given_to(architecture.semantics))
    monkeypatch.setattr(Traffic, "stays", lambda *_: False)
    assert moves.total() != measured.counted(architecture.semantics, "forward", "forward")


@pytest.mark.parametrize("name", EXACTLY)
def test_a_backward(name: str) -> None:
    """Without the copies by which torch lays gradients out anew, which are said to be left out."""
    architecture = small(name)
    moves = measured.backward(tfspec.build(architecture), measured.given_to(architecture.semantics))
    ours = measured.counted(architecture.semantics, "train", "backward", TURNED_BACK.get(name))
    assert ours == moves.total("aten.clone.")


def test_what_a_scale_and_a_unit_length_need_in_backward_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both factors' gradients read the result's; a length's goes by its bound, and its sign."""
    graph = small("clip-vit-b32").semantics
    whole = measured.counted(graph, "train", "backward")
    monkeypatch.setattr(Backward, "_factors", lambda *_: Dim.of(0))
    without = measured.counted(graph, "train", "backward")
    assert without < whole
    monkeypatch.setattr(norm, "_lines", lambda _: Kernel("pointwise", launches=3))
    assert measured.counted(graph, "train", "backward") < without


def test_a_learned_query_has_a_gradient_of_each_row_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written for all rows of the batch, and read again for their sum."""
    graph = small("perceiver").semantics
    whole = measured.counted(graph, "train", "backward")
    monkeypatch.setattr(Attention, "_summed", lambda _: Dim.of(0))
    assert measured.counted(graph, "train", "backward") < whole


def test_the_sum_of_two_gradients_of_a_shared_table_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GPT-2's words are read and compared by one table: two gradients are read, one is written."""
    graph = small("gpt2").semantics
    moves = measured.backward(tfspec.build(small("gpt2")), measured.given_to(graph))
    values = {name: domain.low for name, domain in graph.facts.domains.items()}
    table = 4 * values["V"] * values["d"]
    monkeypatch.setattr(Order, "_gets", lambda *_: None)
    ours = measured.counted(graph, "train", "backward")
    assert moves.total("aten.clone.") == ours + 3 * table


MEMORY = """
tfspec: 1
name: toy
dims: {B: batch, T: 2..5, S: 2..4, d: 8, L: DEPTH}
inputs: {x: float B T (d), z: float B S (d)}
blocks: {layer: {norm: {at: pre}, do: [{attend: {heads: 2, to: memory}}]}}
streams: {memory: [z, {linear: d}], s: [x, {stack: {of: layer, depth: L}}]}
outputs: {y: s}
"""


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 9])
def test_each_layer_has_a_gradient_for_what_all_read(depth: int) -> None:
    architecture = Architecture(load_text(MEMORY.replace("DEPTH", str(depth))))
    graph = architecture.semantics
    moves = measured.backward(tfspec.build(architecture), measured.given_to(graph))
    assert moves.total("aten.clone.") == measured.counted(graph, "train", "backward")


MODULATED = """
tfspec: 1
name: modulated
dims: {B: batch, T: 1..6, d: 8}
inputs: {x: float B T (d), c: float B (d)}
blocks:
  layer:
    norm: {affine: false, modulate: condition}
    residual: {gate: {from: condition}}
    do: [{ffn: {hidden: 12, act: gelu}}]
streams: {condition: [c, {linear: d}, silu], s: [x, {stack: {of: layer, depth: 4}}]}
outputs: {y: [s, {linear: 3}]}
"""


@pytest.mark.parametrize("autocast", [False, True])
def test_a_sum_with_a_number_hands_its_gradient_on(autocast: bool) -> None:
    """Of 1 + scale, the scale's gradient is that of the sum, and moves nothing."""
    architecture = Architecture(load_text(MODULATED))
    graph = architecture.semantics
    moves = measured.backward(
        tfspec.build(architecture), measured.given_to(graph), autocast=autocast
    )
    dtype = "mixed" if autocast else "fp32"
    ours = measured.counted(graph, "train", "backward", dtype=dtype)
    assert moves.total("aten.clone.") == ours


NAMED = """
tfspec: 1
name: named
dims: {B: batch, T: 1..6, d: 8, e: WIDTH}
inputs: {x: float B T (d)}
blocks:
  layer: {norm: {at: pre}, do: [{attend: {heads: 2, pos: [{linear: 6}, {linear: e}]}}]}
streams: {s: [x, {linear: d}, {stack: {of: layer, depth: 3}}]}
outputs: {y: [{sum: [s, [s, {linear: e}]]}]}
"""


def test_a_width_of_another_name_is_the_same_width() -> None:
    """A sum of [B, T, d] and [B, T, e] shares its gradient, for e is d."""
    architecture = Architecture(load_text(NAMED.replace("WIDTH", "8")))
    graph = architecture.semantics
    moves = measured.backward(tfspec.build(architecture), measured.given_to(graph))
    assert moves.total("aten.clone.") == measured.counted(graph, "train", "backward")
    one, other = (
        Architecture(load_text(NAMED.replace("WIDTH", width))).cost("train", target="h200")
        for width in ("8", "d")
    )
    assert one.timing is not None
    assert other.timing is not None
    assert one.number(one.timing.traffic) == other.number(other.timing.traffic)
