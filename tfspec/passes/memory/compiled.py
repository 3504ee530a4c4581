"""The pass `compiled`: what a compiled training step keeps between forward and backward.

torch.compile does not keep what autograd saves: its partitioner (`min_cut_rematerialization_
partition`) cuts the graph of forward and backward where the fewest bytes cross, and runs again
what is cheap. The same cut is made here, through the storages of the stand-in for torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tfspec.graph.graph import Graph
from tfspec.passes.emit.emit import emit
from tfspec.passes.memory.recompute import Value, Values, kept_values
from tfspec.program.program import Precision, Style
from tfspec.shadow.machine import Machine, uncollected
from tfspec.shadow.run import graph_of, ready, train
from tfspec.shadow.tensor import Tensor
from tfspec.targets import Target, find


@dataclass(frozen=True)
class Kept:
    """Storages of one op that stay: how many, their bytes together, and why."""

    op: str
    count: int
    bytes: int
    why: str


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
    target: str = "cpu",
    sizes: Mapping[str, int] | None = None,
    style: Style = "fast",
) -> Compiled:
    """What a step of the emitted file and the loss keeps, compiled as a whole.

    Source: the rules of torch 2.13's partitioner; tests hold them to what it keeps on a CPU. Raises
    Unpriced for a function that no memory rule is known of.
    """
    sheet = find(target)
    assert isinstance(sheet, Target), f"the caller checks targets, and {target} is none"
    machine = Machine(sheet.kind)
    found: list[Value] = []

    def at_loss(loss: Tensor) -> None:
        found.extend(Values(machine.records, graph_of([loss])).all)

    with uncollected():
        source = emit(graph, target=target, style=style)
        sizes = graph.bindings() if sizes is None else sizes
        train(ready(graph, source, sizes, dtype, machine), at_loss)
    kept = kept_values(found)
    return Compiled(sum(value.bytes for value in kept), tuple(_rows(kept)))


def _rows(kept: Iterable[Value]) -> Iterator[Kept]:
    found: dict[tuple[str, str], list[Value]] = {}
    for value in kept:
        found.setdefault((value.op, value.why), []).append(value)
    rows = [
        Kept(op, len(values), sum(value.bytes for value in values), why)
        for (op, why), values in found.items()
    ]
    yield from sorted(rows, key=lambda row: -row.bytes)
