"""Weights that are shared through an index: each layer has its own, and runs them twice."""

from __future__ import annotations

import pytest

from tfspec.api import Architecture
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: toy
dims: {B: batch, T: 1..9, V: 11, d: 8, f: 12, L: 3}
inputs: {tokens: ids(V) B T}
blocks:
  layer: {do: [STEP, STEP]}
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}]}
outputs: {states: text}
"""
FFN = "{ffn: {hidden: f, act: relu, share: SHARE}}"
LINEAR = "{linear: {width: d, bias: false, share: SHARE}}"
TABLE = "{attend: {heads: 2, bias: false, rel_bias: {buckets: 4, max: 8, share: SHARE}}}"


def names(step: str, share: str) -> list[str]:
    text = SPEC.replace("STEP", step).replace("SHARE", share)
    graph = Architecture(load_text(text)).semantics
    named = graph.scope.concrete(lambda size: graph.facts.value(size) or 0)
    return [name for name, _ in named if name.startswith(("twice", "blocks"))]


@pytest.mark.parametrize(
    ("step", "weights"),
    [
        (FFN, ["up.weight", "up.bias", "down.weight", "down.bias"]),
        (LINEAR, ["weight"]),
    ],
)
def test_each_layer_has_its_own(step: str, weights: list[str]) -> None:
    each = [f"blocks.{i}.twice.{name}" for i in range(3) for name in weights]
    assert names(step, "twice(i)") == each
    assert names(step, "twice(2 * (n - i))") == each
    assert names(step, "twice") == [f"twice.{name}" for name in weights]


def test_a_table_of_each_layer() -> None:
    maps = [f"attention{n}.{role}.weight" for n in (1, 2) for role in ("q", "k", "v", "out")]
    (own,) = {name for name in names(TABLE, "twice(i)") if "blocks.0" in name and "twice" in name}
    assert own == "blocks.0.twice.weight"
    assert sorted(names(TABLE, "twice(i)")) == sorted(
        f"blocks.{i}.{name}" for i in range(3) for name in (*maps, "twice.weight")
    )


@pytest.mark.parametrize("step", [FFN, LINEAR, TABLE])
def test_the_file_runs_as_its_graph_says(step: str) -> None:
    from tfspec.runtime.verify import verify

    architecture = Architecture(load_text(SPEC.replace("STEP", step).replace("SHARE", "twice(i)")))
    found = verify(architecture)
    assert found.ok, found.text()
