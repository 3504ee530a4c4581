"""What a compiled step keeps, and what it runs again: the least cut through the values of a step.

The rules are those of torch's `min_cut_rematerialization_partition`: results of products,
convolutions, attention, lookups, joins and reductions are never run again, nor what one of those
reads in backward, nor a sum that reaches over one; all else may be, from what it is made of.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfspec.shadow.autograd import Node
from tfspec.shadow.machine import Record

APART = frozenset({
    "mm", "bmm", "conv", "flash", "logsumexp", "embedding", "random_state", "cat", "stack",
})  # fmt: skip
SOFTMAX = {
    "Softmax": 3,
    "SafeSoftmax": 6,
    "LogSoftmax": 2,
}  # ops and views in a row; of the safe one as fits
FAR = 100
FILLED = frozenset({"new_ones"})  # of another's dtype, and of none of its numbers
VIEWED = frozenset({"mm", "bmm"})
READERS = frozenset({"Addmm", "Mm", "Bmm", "Conv", "Flash"})


@dataclass(eq=False)
class Value:
    """One value of the forward. `needed` by backward; `fixed` ones are not run again.

    `of` is the value whose storage it shows, for a view that something reads. `order` is when it
    is made; `fused` says that it may run in one kernel with what is beside it. `steps` are the ops
    of torch's decompositions that make it, and `far` how many there are to backward from it.
    """

    op: str
    bytes: int
    order: float
    parents: list[Value] = field(default_factory=list["Value"])
    needed: bool = False
    fixed: bool = False
    fused: bool = True
    steps: int = 1
    far: int = FAR
    plain: bool = False
    of: Value | None = None
    why: str = ""
    users: list[Value] = field(default_factory=list["Value"])


class Values:
    """The values of forward and loss, and which of them backward needs."""

    def __init__(self, records: Sequence[Record], nodes: Iterable[Node]) -> None:
        self.found: dict[Record, Value] = {}
        self.all: list[Value] = []
        self.masks: dict[object, Value] = {}
        self.order = {record: at for at, record in enumerate(records)}
        for record in records:
            self._meet(record)
        for node in sorted(nodes, key=lambda node: node.order):
            self._need(node)
        self._finish()

    def _meet(self, record: Record) -> None:
        """A mask that each layer makes anew of the same input is one value."""
        wide = [self.found.get(p, p) for p in record.parents if p.elements > 1]
        key = (record.op, record.bytes, *wide)
        plain = record.op not in APART and all(self._plain(each) for each in wide)
        if plain and wide and key in self.masks:
            self.found[record] = self.masks[key]
            return
        noise = record.op == "dropout_noise"
        made_of = () if record.op in FILLED else record.parents
        parents = [self.found[each] for each in made_of if each in self.found]
        size = record.elements if noise else record.bytes
        value = self._new(record.op, size, self.order[record], parents)
        value.fused = record.op not in APART
        value.fixed = noise or not value.fused
        value.plain = plain and not noise
        self.found[record] = self.masks[key] = value

    def _plain(self, value: Value | Record) -> bool:
        """An input, a table, or what is made of those alone."""
        return value.known if isinstance(value, Record) else value.plain

    def _new(self, op: str, size: int, order: float, parents: Sequence[Value]) -> Value:
        value = Value(op, size, order, list(parents))
        self.all.append(value)
        return value

    def _need(self, node: Node) -> None:
        kept = [(record, self.found[record]) for record in node.records if record in self.found]
        if node.name == "LayerNorm":
            self._normalized(node)
        elif node.name in SOFTMAX:
            self._softmax(node)
        elif node.name == "relu":
            ((record, out),) = kept
            self._new("le", record.elements, out.order + 0.1, [out]).needed = True
        elif node.name in READERS:
            for _, value in kept:
                self._read(value)
        else:
            for _, value in kept:
                value.needed = True

    def _read(self, value: Value) -> None:
        """What a product, a convolution or attention reads in backward is at hand then."""
        view = self._new(value.op, value.bytes, value.order + 0.5, [value])
        view.of, view.needed, view.fixed = value.of or value, True, True
        view.fused = False

    def _normalized(self, node: Node) -> None:
        """(x - mean) · rstd in fp32, of which the result is made."""
        (out,) = (self.found[each] for each in node.outputs)
        average, spread = (self.found[each] for each in node.records[-2:])
        for each in (average, spread):
            each.order = out.order - 0.5
        before = [each for each in out.parents if each is not out]
        full = self._new("normalized", node.outputs[0].elements * 4, out.order - 0.2, before)
        full.parents += [average, spread]
        full.steps = out.steps = 2
        full.needed = spread.needed = True
        out.parents = [full]

    def _softmax(self, node: Node) -> None:
        """Each row's largest and its sum, of which the result is made."""
        (out,) = (self.found[each] for each in node.outputs)
        shape = node.shapes[0]
        assert shape is not None
        size = node.outputs[0].elements // shape[0][-1] * 4
        largest = self._new("row_max", size, out.order - 0.5, out.parents)
        total = self._new("row_sum", size, out.order - 0.4, [*out.parents, largest])
        out.parents = [*out.parents, largest, total]
        out.needed, out.steps = True, SOFTMAX[node.name]

    def _finish(self) -> None:
        self.all.sort(key=lambda value: value.order)
        for value in self.all:
            for parent in value.parents:
                parent.users.append(value)
        for value in self.all:
            if value.parents and value.bytes * 4 < sum(each.bytes for each in value.parents):
                value.fixed = value.fixed or value.op != "le"
        for value in self.all:
            _far_apart(value)
        for value in reversed(self.all):
            value.far = 1 if value.needed else min([u.far + u.steps for u in value.users] or [FAR])
            if value.op in VIEWED and not value.needed:
                value.far += 1
            if value.op == "row_sum":  # after the rows' exponentials
                value.far -= 2


def _far_apart(value: Value) -> None:
    """A use that comes after an op apart, which a nearer use leads to, is not run again."""
    if not value.users:
        return
    last = max(user.order for user in value.users)
    first = _first_apart(value, last)
    for user in value.users:
        if user.order > first and user.fused and value.fused:
            user.fixed = True


def _first_apart(value: Value, last: float) -> float:
    todo = [(user.order, id(user), user, user.fused) for user in value.users]
    heapq.heapify(todo)
    seen = {id(user) for user in value.users}
    while todo:
        order, _, at, fused = heapq.heappop(todo)
        if not fused:
            return order
        for user in at.users:
            if user.order <= last and id(user) not in seen:
                seen.add(id(user))
                heapq.heappush(todo, (user.order, id(user), user, user.fused and at.fused))
    return last


def kept_values(values: Sequence[Value]) -> list[Value]:
    """The least cut, in bytes, between what runs once and what backward needs."""
    import networkx

    library: Any = networkx  # its types are partly unknown
    graph = library.DiGraph()
    for value in values:
        start, end = ("in", id(value)), ("out", id(value))
        alone = value.fused and all(user.fused for user in value.users)
        weight = int(value.bytes * 1.1 ** min(value.far, FAR))
        graph.add_edge(start, end, capacity=weight * (2 if alone else 1))
        if value.fixed:
            graph.add_edge("source", start)
        if value.needed:
            graph.add_edge(end, "sink")
        for parent in value.parents:
            graph.add_edge(("out", id(parent)), start)
    if "sink" not in graph or "source" not in graph:
        return []
    first = library.minimum_cut(graph, "source", "sink")[1][0]
    cut = [v for v in values if ("in", id(v)) in first and ("out", id(v)) not in first]
    return list({id(value.of or value): value for value in cut}.values())
