"""What a compiled step keeps, and what it runs again: the least cut through the values of a step.

The rules are those of torch's `min_cut_rematerialization_partition`: results of products,
convolutions, attention, lookups, joins and reductions are never run again, and neither is what
one of those reads in backward; all else may be, if what it is made of is at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tfspec.shadow.autograd import Node
from tfspec.shadow.machine import Record

NOT_FUSED = frozenset({
    "mm", "bmm", "conv", "flash", "logsumexp", "embedding", "cat", "stack", "random_state",
})  # fmt: skip
READERS = frozenset({"Addmm", "Mm", "Bmm", "Conv", "Flash"})
NORMAL, LOG = "LayerNorm", "LogSoftmax"


@dataclass(eq=False)
class Value:
    """One value of the forward. `needed` by backward; `fixed` ones are not run again."""

    op: str
    bytes: int
    parents: list[Value] = field(default_factory=list["Value"])
    needed: bool = False
    fixed: bool = False
    read: bool = False
    why: str = ""

    @property
    def fused(self) -> bool:
        return self.op not in NOT_FUSED


def values_of(records: Sequence[Record], nodes: Iterable[Node]) -> list[Value]:
    """The values of forward and loss, and which of them backward needs."""
    found: dict[Record, Value] = {}
    for record in records:
        size = record.elements if record.op == "dropout_noise" else record.bytes
        value = found[record] = Value(record.op, size)
        value.parents = [found[each] for each in record.parents if each in found]
        value.fixed = not value.fused or record.op == "dropout_noise"
        total = sum(each.bytes for each in record.parents)
        value.fixed = value.fixed or (value.bytes * 4 < total and len(record.parents) > 0)
    extra: list[Value] = []
    for node in sorted(nodes, key=lambda node: node.order):
        _need(node, found, extra)
    return [*found.values(), *extra]


def _need(node: Node, found: dict[Record, Value], extra: list[Value]) -> None:
    mine = [found[record] for record in node.records if record in found]
    if node.name == NORMAL:
        mean, spread = mine[-2:]
        full = Value("normalized", node.outputs[0].elements * 4, [*mine])
        full.needed = spread.needed = mean.fixed = spread.fixed = True
        extra.append(full)
        return
    if node.name in (LOG, "Softmax"):
        (out,) = mine
        rows = node.shapes[0][0][-1]
        sides = [Value("row", out.bytes // rows, list(out.parents), fixed=True) for _ in "12"]
        out.parents += sides
        extra.extend(sides)
    for value in mine:
        value.needed = True
        if node.name in READERS:
            value.fixed = value.read = True


def kept_values(values: Sequence[Value]) -> list[Value]:
    """The least cut, in bytes, between what runs once and what backward needs."""
    import networkx as nx

    graph = nx.DiGraph()
    fused_only = {id(value): True for value in values}
    for value in values:
        for parent in value.parents:
            if not value.fused:
                fused_only[id(parent)] = False
    for at, value in enumerate(values):
        value_in, value_out = ("in", id(value)), ("out", id(value))
        twice = fused_only[id(value)] and value.fused and not value.read
        graph.add_edge(value_in, value_out, capacity=value.bytes * (2 if twice else 1))
        if value.fixed:
            graph.add_edge("source", value_in)
        if value.needed:
            graph.add_edge(value_out, "sink")
        for parent in value.parents:
            graph.add_edge(("out", id(parent)), value_in)
    if "sink" not in graph or "source" not in graph:
        return []
    _, (first, _) = nx.minimum_cut(graph, "source", "sink")
    return [v for v in values if ("in", id(v)) in first and ("out", id(v)) not in first]
