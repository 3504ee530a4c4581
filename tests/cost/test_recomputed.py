"""What checkpointing runs again is what FlopCounterMode counts in backward beyond the plain one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bundled import BY_STRUCTURE, small
from tests.cost.counted import compiled, device, forward_and_backward, given, sizes
from tfspec.api import Architecture
from tfspec.passes.memory.checkpointing import CHECKPOINTS, Checkpoint, checkpointed
from tfspec.passes.time import again


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


def test_that_test_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """To run a region to its end is seen: the last product of a layer runs once alone."""
    architecture = small("gpt2")
    at = sizes(architecture, 0)
    right = counted(architecture, "block", at, "fast")
    monkeypatch.setattr(again, "_stop", len)
    assert told(architecture, "block", at, "fast") > right


def test_without_checkpointing_nothing_runs_again() -> None:
    cost = small("gpt2").cost("train")
    assert cost.recomputed is None
    assert "recomputed" not in {each.name for each in cost.quantities}
