"""What a step holds at its fullest, for the cost report: numbers with their terms, no formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from tfspec.passes.cost.work import trained
from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.passes.memory.compiled import Compiled, kept_compiled
from tfspec.passes.memory.peak import SAID, Peak, peak
from tfspec.passes.memory.saved import BYTES
from tfspec.shadow.machine import Unpriced
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost


KEPT: Mapping[Checkpoint, str] = {
    "none": "what backward needs, and a bf16 copy of each weight that it needs",
    "block": "what goes into each layer, which runs again in backward, and all that is in none",
    "full": "what goes into each stack, which runs again in backward, and all that is in none",
}
BLOCK = 512
"""Bytes that torch's allocator for GPUs rounds up to."""


def measured(cost: Cost) -> Peak | str | None:
    """The peak at the cost's sizes, or why it is not known; None where a mode has none.

    It is told of eager mode alone.
    """
    if cost.mode not in ("forward", "train") or cost.compiled:
        return None
    try:
        return peak(
            cost.graph,
            mode="train" if cost.mode == "train" else "forward",
            dtype=cost.precision.activations,
            target=cost.target or "cpu",
            block=1 if cost.target is None else BLOCK,
            sizes=cost.sizes_of_dims,
            style=cost.style,
            checkpoint=cost.checkpoint,
            optimizer=cost.optimizer,
        )
    except Unpriced as refusal:
        return str(refusal)


def compiled(cost: Cost) -> Compiled | str | None:
    """What a compiled step keeps, or why that is not known; None where it is not asked."""
    dtype = cost.precision.activations
    if not cost.compiled or cost.mode != "train":
        return None
    if dtype == "mixed":
        return "the casts of autocast are not traced"
    try:
        return kept_compiled(
            cost.graph,
            dtype=dtype,
            target=cost.target or "cpu",
            style=cost.style,
            sizes=cost.sizes_of_dims,
        )
    except Unpriced as refusal:
        return str(refusal)


def kept_terms(found: Compiled) -> tuple[str, int, str]:
    """What a compiled step keeps: its name, its bytes, and what they are made of."""
    return "activations", found.bytes, _together((row.op, row.bytes) for row in found.rows)


def loss_bytes(cost: Cost) -> Dim:
    """What cross entropy keeps of outputs that training changes: log-probabilities, one number an
    output, and the loss itself; in fp32 under autocast."""
    dtype = cost.precision.activations
    size = BYTES["fp32" if dtype == "mixed" else dtype]
    outputs = [cost.graph.outputs[name] for name in trained(cost.graph)]
    return size * (sum((each.elements for each in outputs), Dim.of(0)) + len(outputs) + 1)


def terms(cost: Cost, found: Peak) -> Iterator[tuple[str, int, str]]:
    """Each quantity that a run tells: its name, its bytes, and what they are made of."""
    if cost.mode == "train" and cost.saves is None:
        yield "activations", found.saved - cost.number(loss_bytes(cost)), KEPT[cost.checkpoint]
    yield "peak", found.bytes, _made_of(found)
    beside = "weights and optimizer" if cost.mode == "train" else "weights"
    without = "".join(f", without {each}" for each in found.without)
    yield "peak_total", found.total, f"{found.total_where}, with {beside}{without}"


def _made_of(found: Peak) -> str:
    """Where a peak falls, and what it is made of, the most first."""
    parts = sorted(found.kinds.items(), key=lambda pair: -pair[1])
    return f"{found.where}: {_together((SAID[kind], size) for kind, size in parts)}"


def _together(parts: Iterable[tuple[str, int]]) -> str:
    from tfspec.passes.cost.text import scaled

    return ", ".join(f"{name} {scaled(size, 'B')}" for name, size in parts if size)
