"""Bytes moved line by line, held against torch: every operation of an emitted file is watched."""

from __future__ import annotations

import pytest

import tfspec
from tests.bundled import NAMES, small
from tests.time import measured

COMPOSITE = {name for name in NAMES if name.startswith("llama")}
"""A CPU computes RMS norm step by step, and attention with grouped heads here by products."""
HELPERS = {"swin-t"}
"""The file's functions for masks and biases are some kernels each, and count as one."""


@pytest.mark.parametrize("name", sorted({*NAMES} - COMPOSITE - HELPERS))
def test_a_forward_to_the_byte(name: str) -> None:
    architecture = small(name)
    moves = measured.forward(tfspec.build(architecture), measured.given_to(architecture.graph))
    ours = measured.counted(architecture.graph, "forward", "forward")
    assert moves.total(*measured.OF_A_CPU) == ours


def test_a_forward_in_windows() -> None:
    architecture = small("swin-t")
    moves = measured.forward(tfspec.build(architecture), measured.given_to(architecture.graph))
    ours = measured.counted(architecture.graph, "forward", "forward")
    assert ours == pytest.approx(moves.total(), rel=0.01)


@pytest.mark.parametrize("name", sorted({*NAMES} - COMPOSITE - HELPERS))
def test_a_backward(name: str) -> None:
    """Without the copies by which torch lays gradients out anew, which are said to be left out."""
    architecture = small(name)
    moves = measured.backward(tfspec.build(architecture), measured.given_to(architecture.graph))
    ours = measured.counted(architecture.graph, "train", "backward")
    assert ours == pytest.approx(moves.total("aten.clone."), rel=0.03)


def test_a_backward_to_the_byte() -> None:
    """GPT-2's lacks nothing else but the sum of two gradients of its table, which is shared."""
    graph = small("gpt2").graph
    moves = measured.backward(tfspec.build(small("gpt2")), measured.given_to(graph))
    values = {name: domain.low for name, domain in graph.facts.domains.items()}
    table = 4 * values["V"] * values["d"]
    ours = measured.counted(graph, "train", "backward")
    assert moves.total("aten.clone.") == ours + 3 * table
