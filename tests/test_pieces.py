"""Blocks that work on parts of a value: cut out once, put together once, at their own places."""

from __future__ import annotations

import pytest
import torch

import tfspec
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.graph.look import plain
from tfspec.ops.tokens import Concat, Take
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: toy
dims: {B: batch, S: 2, T: 3, R: 4, d: 8, f: 12}
inputs: {a: float B S (d), b: float B T (d), c: float B R (d)}
blocks:
  layer: {norm: {at: post}, do: [BRANCHES]}
streams:
  one: a
  two: b
  three: c
  joint: [{concat: [one, two, three]}, layer]
outputs: {states: joint}
"""
BOUNDS = {"one": (0, 2), "two": (2, 5), "three": (5, 9)}


def model(branches: str) -> Architecture:
    return Architecture(load_text(SPEC.replace("BRANCHES", branches)))


def ffn(*parts: str) -> str:
    return ", ".join(f"{{ffn: {{only: {part}, hidden: f, act: relu}}}}" for part in parts)


@pytest.mark.parametrize(
    "order",
    [("one",), ("two",), ("three",), ("one", "three"), ("two", "two"), ("three", "two", "one")],
)
def test_each_part_is_worked_on_in_turn(order: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    built = tfspec.build(model(ffn(*order))).eval()
    given = [torch.randn(2, size, 8) for size in (2, 3, 4)]
    x = torch.cat(given, dim=1)
    layer = built.get_submodule("joint_layer")
    for n, part in enumerate(order, 1):
        number = str(n) if len(order) > 1 else ""
        start, stop = BOUNDS[part]
        mlp, norm = (layer.get_submodule(f"{name}{number}") for name in ("mlp", "norm"))
        told = norm(x[:, start:stop] + mlp(x[:, start:stop]))
        x = torch.cat([x[:, :start], told, x[:, stop:]], dim=1)
    with torch.no_grad():
        assert torch.allclose(built(*given), x, atol=1e-6)


@pytest.mark.parametrize("branches", [ffn("one", "two", "three"), ffn("two", "two")])
def test_nothing_is_put_together_in_between(branches: str) -> None:
    (block,) = [
        node.op.traces[0]
        for node in model(branches).semantics.trace.body
        if getattr(node.op, "traces", ())
    ]
    ops = [node.op for node in block.body]
    assert sum(isinstance(op, Concat) for op in ops) == 1
    takes = {plain(op.words) for op in ops if isinstance(op, Take)}
    assert takes == {"take one", "take two", "take three"}
    read = {tensor for node in block.body for tensor in node.inputs} | {*block.results}
    assert all(node.outputs[0] in read for node in block.body)


def test_two_branches_read_one_cut() -> None:
    """Both read what there was at entry, each part under its name."""
    parts = [("one", "two"), ("two", "one")]
    branches = ", ".join(f"{{attend: {{only: {a}, to: {b}, heads: 2}}}}" for a, b in parts)
    text = model(f"{{par: [{branches}]}}").emit()
    assert text.count("one = x[:, :2]") == text.count("two = x[:, 2:5]") == 1
    assert "self.cross1(one, two)" in text
    assert "self.cross2(two, one)" in text


APART = """
tfspec: 1
name: apart
dims: {B: batch, T: 4}
inputs: {a: float B T (7), b: float B T (3), c: float B T (7)}
streams:
  all: [{concat: [a, b, c]}]
  alike: [all, {take: [a, c]}, {linear: {width: 5, bias: false}}]
  places: [all, {take: {T: 2}}]
outputs: {y: alike, at_a: [places, {take: a}], at_b: [places, {take: b}], rest: [places, {drop: b}]}
"""


@pytest.mark.parametrize("style", ["fast", "explicit"])
def test_parts_of_several_widths_are_taken_each_as_it_is(style: str) -> None:
    """Those of one width are one value again, and a place on an axis is one of each part."""
    built = run_file(Architecture(load_text(APART)).emit(style=style)).build()
    a, b, c = (torch.randn(2, 4, width) for width in (7, 3, 7))
    y, at_a, at_b, rest = built(a, b, c)
    weight = dict(built.named_parameters())["alike_linear.weight"]
    torch.testing.assert_close(y, torch.cat((a, c), dim=1) @ weight.mT)
    assert torch.equal(at_a, a[:, 2])
    assert torch.equal(at_b, b[:, 2])
    assert torch.equal(rest, torch.stack((a[:, 2], c[:, 2]), dim=1))
