"""The pass `compiled`: what a compiled training step keeps between forward and backward.

torch.compile does not keep what autograd saves: its partitioner cuts the graph of forward and
backward where the fewest bytes cross, and runs again what is cheap. The emitted file runs on the
stand-in for torch, whose joint graph is cut in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tfspec.graph.graph import Graph
from tfspec.passes.emit.emit import emit
from tfspec.passes.memory.partition import Partition
from tfspec.program.program import Precision, Style
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.machine import Machine, uncollected
from tfspec.shadow.run import loss_of, ready
from tfspec.targets import Target, sheet_of


@dataclass(frozen=True)
class Kept:
    """Results of one op that stay: how many, and their bytes together."""

    op: str
    count: int
    bytes: int


@dataclass(frozen=True)
class Compiled:
    """`bytes` stay between forward and backward of model and loss; weights, inputs and labels are
    there anyway. `rows` are by op, the most bytes first."""

    bytes: int
    rows: tuple[Kept, ...]


def kept_compiled(
    graph: Graph,
    *,
    dtype: Precision = "fp32",
    target: str | Target = "cpu",
    style: Style = "fast",
    sizes: Mapping[str, int] | None = None,
) -> Compiled:
    """What a step of the emitted file and the loss keeps, compiled as a whole, every input given.

    Source: torch 2.13's partitioner with its default settings; tests hold this to what it keeps on
    a CPU. How many rows an expert gets is open in its graph: of each expert something else is kept,
    of all together the same. Raises Unpriced for a function that no memory rule is known of.
    """
    sheet = sheet_of(target)
    source = emit(graph, target=sheet, style=style)
    machine = Machine(sheet.kind)
    machine.joint = Joint()
    with uncollected():
        run = ready(graph, source, graph.bindings() if sizes is None else sizes, dtype, machine)
        loss = loss_of(run)
        kept = Partition(machine.joint, loss).kept()
    return Compiled(sum(step.base.bytes for step in kept), _rows(kept))


def _rows(kept: Iterable[Step]) -> tuple[Kept, ...]:
    found: dict[str, list[int]] = {}
    for step in kept:
        found.setdefault(step.base.op, []).append(step.base.bytes)
    rows = [Kept(op, len(sizes), sum(sizes)) for op, sizes in found.items()]
    return tuple(sorted(rows, key=lambda row: -row.bytes))
