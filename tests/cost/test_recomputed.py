"""What checkpointing runs again is what FlopCounterMode counts in backward beyond the plain one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bundled import BY_STRUCTURE, small
from tests.cost.counted import compiled, device, forward_and_backward, given, sizes
from tfspec.api import Architecture
from tfspec.passes.memory.checkpointing import CHECKPOINTS, Checkpoint, checkpointed
from tfspec.passes.time import again
from tfspec.spec.load import load_text


def counted(architecture: Architecture, how: Checkpoint, at: dict[str, int], style: Any) -> int:
    """FLOPs that checkpointing adds to a step, by torch's counter. The model is in training: torch
    runs nothing again for what needs no gradient."""
    graph, source = architecture.semantics, architecture.emit(style=style)
    totals = []
    for text in (source, checkpointed(source, how)):
        made = compiled(text, device(graph)).train()
        totals.append(sum(forward_and_backward(made, given(graph, at))))
    return totals[1] - totals[0]


def told(architecture: Architecture, how: Checkpoint, at: dict[str, int], style: Any) -> int:
    bound = Architecture(architecture.loaded, {**architecture.sets, **at})
    cost = bound.cost("train", checkpoint=how, style=style)
    assert cost.recomputed is not None
    return cost.number(cost.recomputed)


@pytest.mark.parametrize("style", ["fast", pytest.param("explicit", marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", [how for how in CHECKPOINTS if how != "none"])
@pytest.mark.parametrize("name", BY_STRUCTURE)
def test_flops_that_run_again_are_counted_exactly(name: str, how: Checkpoint, style: str) -> None:
    architecture = small(name)
    at = sizes(architecture, 0)
    assert told(architecture, how, at, style) == counted(architecture, how, at, style), at


UNREACHED = """
tfspec: 1
name: unreached
dims: {B: batch, T: 1..6, R: 1..5, Q: 1..4, d: 8, e: 12, f: 6, L: DEPTH}
inputs: {x: float B T (d), y: float B R (e), z: float B Q (f)}
blocks:
  a: {norm: {at: pre}, do: [{attend: {only: x, to: y, heads: 2}}]}
  b: {norm: {at: post}, do: [{attend: {only: y, to: zz, heads: 2}}]}
  c: {norm: {at: pre}, do: [{attend: {only: zz, to: x, heads: 2}}]}
streams:
  zz: [z, {linear: f}]
  joint: {do: [{concat: [x, y, zz]}, {stack: {of: [a, b, c], depth: 3 * L}}], freeze: FREEZE}
outputs:
  out: [joint, {take: y}, {linear: 5}]
"""
"""The last layers ask for nothing that leads to the output; frozen, nor do the first ones learn."""


@pytest.mark.parametrize("how", [how for how in CHECKPOINTS if how != "none"])
@pytest.mark.parametrize("depth", [1, 5])
@pytest.mark.parametrize("frozen", ["false", "true"])
def test_layers_that_no_gradient_comes_to_do_not_run_again(
    how: Checkpoint, depth: int, frozen: str
) -> None:
    text = UNREACHED.replace("DEPTH", str(depth)).replace("FREEZE", frozen)
    assert agreed(text, how) > 0


NESTED = """
tfspec: 1
name: nested
dims: {B: batch, T: 1..6, d: 8, L: DEPTH, M: 3}
inputs: {x: float B T (d)}
blocks:
  inner: {norm: {at: pre}, do: [{attend: {heads: 2}}, {ffn: {hidden: 10, act: gelu}}]}
  layer: [{stack: {of: inner, depth: M}}MORE]
streams: {s: [x, {stack: {of: layer, depth: L}}]}
outputs: {y: [s, {linear: 5}]}
"""


@pytest.mark.parametrize("how", [how for how in CHECKPOINTS if how != "none"])
@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("more", ["", ", {linear: d}, relu", ", inner"])
def test_a_layer_in_a_layer_runs_again_with_that_and_by_itself(
    how: Checkpoint, depth: int, more: str
) -> None:
    assert agreed(NESTED.replace("DEPTH", str(depth)).replace("MORE", more), how) > 0


def agreed(text: str, how: Checkpoint) -> int:
    """What runs again of a spec, which is told as it is counted."""
    architecture = Architecture(load_text(text))
    at = sizes(architecture, 0)
    found = told(architecture, how, at, "fast")
    assert found == counted(architecture, how, at, "fast")
    return found


@pytest.mark.parametrize("how", [how for how in CHECKPOINTS if how != "none"])
def test_the_peak_of_a_layer_in_a_layer_is_not_told(how: Checkpoint) -> None:
    """What torch frees while both run again is not known."""
    text = NESTED.replace("DEPTH", "2").replace("MORE", "")
    cost = Architecture(load_text(text)).cost("train", checkpoint=how)
    assert not {"peak", "activations"} & {each.name for each in cost.quantities}
    assert "a stack in a layer has no memory rule under checkpointing" in cost.text()


def test_that_test_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """To run a region to its end is seen: the last product of a layer runs once alone."""
    architecture = small("gpt2")
    at = sizes(architecture, 0)
    right = counted(architecture, "block", at, "fast")
    monkeypatch.setattr(again, "_stop", lambda region, inside, how: len(inside))
    assert told(architecture, "block", at, "fast") > right


def test_without_checkpointing_nothing_runs_again() -> None:
    cost = small("gpt2").cost("train")
    assert cost.recomputed is None
    assert "recomputed" not in {each.name for each in cost.quantities}
