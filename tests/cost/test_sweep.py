"""A sweep over many sizes evaluates formulas that were worked out once: it gives the same numbers
as a cost of its own at each size."""

from __future__ import annotations

from random import Random

import pytest

import tfspec
from tests.bundled import BY_STRUCTURE
from tfspec.api import Architecture
from tfspec.passes.cost.report import MODES, Cost
from tfspec.passes.cost.sweep import FEW, Sweep, sweep
from tfspec.passes.memory.saved import saved

HOW = {"dtype": "bf16", "target": "h200"}


@pytest.mark.parametrize("name", BY_STRUCTURE)
def test_each_row_is_the_cost_at_its_size(name: str) -> None:
    """At the least size, where layouts differ, and at any: in all modes that the model has."""
    architecture, random = tfspec.load(name), Random(name)
    for mode in MODES:
        dim, sizes = _sizes(architecture, random)
        try:
            first = tfspec.load(architecture, {dim: sizes[0]}).cost(mode, **HOW)
        except tfspec.SpecError:
            assert mode in ("prefill", "decode")
            continue
        swept = sweep(first, dim, sizes)
        _assert_same(swept, 0, first)
        at = random.randrange(1, len(sizes))
        _assert_same(swept, at, tfspec.load(architecture, {dim: sizes[at]}).cost(mode, **HOW))


def _sizes(architecture: Architecture, random: Random) -> tuple[str, list[int]]:
    """A dim with more sizes than get a run each, the least of them, and others anywhere."""
    domains = architecture.semantics.facts.domains
    every = {
        name: range(each.low, (each.high or each.low + 1000 * each.step) + 1, each.step)
        for name, each in domains.items()
    }
    dim = random.choice([name for name, sizes in every.items() if len(sizes) > FEW])
    return dim, sorted({every[dim][0], *random.sample(every[dim][1:], FEW)})


def _assert_same(swept: Sweep, at: int, alone: Cost) -> None:
    told = {each.name: each.value for each in alone.formulas}
    assert swept.points[at][1] == {**told, "flops": alone.number(alone.flops)}
    assert alone.time is not None
    assert swept.seconds[at] == alone.time.typical


def test_more_sizes_than_get_a_run_are_told_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = tfspec.load("gpt2").cost("train", **HOW)
    monkeypatch.setattr("tfspec.passes.cost.peaks.measured", None)
    assert len(sweep(cost, "T", range(1, 1025)).csv().splitlines()) == 1025


def test_what_training_keeps_is_lowered_anew_only_where_no_formula_holds() -> None:
    """One token has its heads in another order in memory than several have."""
    cost = tfspec.load("gpt2").cost("train", **HOW)
    assert cost.saves is not None
    sweep(cost, "T", range(1, 1025))
    assert [each.bindings["T"] for each in cost.saves.found] == [1, 2]


def test_a_formula_that_does_not_hold_is_another_one() -> None:
    """So that it matters to ask whether it holds: of one text, T5 copies more."""
    graph = tfspec.load("t5-base").semantics
    one, many = (saved(graph, sizes={**graph.bindings(), "B": batch}) for batch in (1, 7))
    assert one.holds(one.bindings)
    assert many.holds({**many.bindings, "B": 8})
    assert not one.holds(many.bindings)
    assert one.size.value(many.bindings) != many.bytes
