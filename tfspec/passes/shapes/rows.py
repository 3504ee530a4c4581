"""The rows of the shape flow: every step of the graph, nested as the model is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tfspec.graph.graph import Graph
from tfspec.graph.scope import Scope, Weight
from tfspec.graph.structure import Stack
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.shared import shared
from tfspec.symbolic import Dim

Kind = Literal["input", "stream", "output", "block", "module", "step", "part"]
Shape = tuple[Dim, ...]


@dataclass(frozen=True)
class Row:
    """One step. A row with deeper rows under it stands for all of them: its shape is what comes
    out, its parameters are theirs together. `count` copies of a block run in turn; the rows under
    it show one. `shared`: its weights are counted in an earlier row. `parts` are the shapes of a
    value's parts, where these have widths of their own.

    `nodes` are the primitive steps that the row stands for, and `weights` those that no earlier row
    has counted: what a pass sums to say what the row costs."""

    depth: int
    kind: Kind
    label: str
    tokens: str
    shape: Shape
    parts: tuple[Shape, ...] = ()
    params: int = 0
    count: int = 1
    shared: bool = False
    nodes: tuple[Node, ...] = ()
    weights: tuple[Weight, ...] = ()

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Of each part, where their widths differ; else the one of all."""
        return self.parts or (self.shape,)


@dataclass
class _Seen:
    """What the rows of a part of the model stand for together."""

    nodes: list[Node] = field(default_factory=list[Node])
    weights: list[Weight] = field(default_factory=list[Weight])

    @staticmethod
    def of(several: Iterable[_Seen]) -> _Seen:
        every = list(several)
        nodes = [node for each in every for node in each.nodes]
        return _Seen(nodes, [weight for each in every for weight in each.weights])


def flow_rows(
    graph: Graph,
    shape_of: Callable[[Tensor], Shape],
    results: Iterable[Shape],
    mode: str = "forward",
) -> list[Row]:
    """Inputs, then each stream and output with its steps; `results` are the shapes of the outputs
    that the mode gives."""
    walk = _Walk(graph, shape_of, mode == "decode")
    rows = [walk.row(0, "input", tensor.role or "", tensor) for tensor in graph.inputs]
    sections = _sections(graph)
    for name in _in_order(graph):
        nodes = [node for node in graph.trace.body if sections[node] == ("stream", name)]
        rows += walk.section("stream", name, graph.streams[name], nodes)
    for (name, tensor), shape in zip(graph.asked(mode).items(), results, strict=True):
        nodes = [node for node in graph.trace.body if sections[node] == ("output", name)]
        head, *below = walk.section("output", name, tensor, nodes)
        rows += [replace(head, shape=shape), *below]
    return rows


def _in_order(graph: Graph) -> list[str]:
    """The streams in an order in which they can run."""
    order = {node.outputs[0]: at for at, node in enumerate(graph.trace.body)}
    return sorted(graph.streams, key=lambda name: order.get(graph.streams[name], -1))


def _sections(graph: Graph) -> dict[Node, tuple[Kind, str]]:
    """Which stream or output each of the root's nodes computes."""
    found: dict[Node, tuple[Kind, str]] = {}
    ends: list[tuple[Kind, str, Tensor]] = [
        *(("stream", name, graph.streams[name]) for name in _in_order(graph)),
        *(("output", name, tensor) for name, tensor in graph.outputs.items()),
    ]
    for kind, name, tensor in ends:
        for node in _ancestors(graph, tensor):
            found.setdefault(node, (kind, name))
    section = ends[-1][:2]
    for node in reversed(graph.trace.body):  # one that nothing reads stands with what follows it
        section = found.setdefault(node, section)
    return found


def _ancestors(graph: Graph, tensor: Tensor) -> list[Node]:
    """The root's nodes that a tensor comes from, in order of execution."""
    wanted = {tensor}
    found: list[Node] = []
    for node in reversed(graph.trace.body):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            found.append(node)
    return found[::-1]


class _Walk:
    """Makes rows, and remembers which weights have been counted."""

    def __init__(self, graph: Graph, shape_of: Callable[[Tensor], Shape], decoding: bool) -> None:
        self.graph, self.shape_of, self.decoding = graph, shape_of, decoding
        self.seen: set[Weight] = set()
        self.rows: list[Row] = []
        uses = [node.group for node in graph.trace.nodes() if node.group is not None]
        self.shared = {group for group in uses if uses.count(group) > 1}

    def section(self, kind: Kind, name: str, tensor: Tensor, nodes: Iterable[Node]) -> list[Row]:
        self.rows = []
        self._with_rows(
            self.row(0, kind, name, tensor),
            self.graph.scope,
            lambda: _Seen.of([self._node(node, 1, self.graph.scope) for node in nodes]),
        )
        return self.rows

    def row(self, depth: int, kind: Kind, label: str, tensor: Tensor, count: int = 1) -> Row:
        tokens, shape = self._tokens(tensor), self.shape_of(tensor)
        parts = tensor.shapes if tensor.widths else ()
        return Row(depth, kind, label, tokens, shape, parts, count=count)

    def _tokens(self, tensor: Tensor) -> str:
        """The token space; while decoding keys and values stand in the slots of the cache."""
        axes, shape = tensor.space.token_axes, self.shape_of(tensor)
        if axes and axes[0] in tensor.axes and not tensor.raw:
            size = shape[tensor.axes.index(axes[0])]
            if size != axes[0].size:
                return self.graph.names.show(size)
        return str(tensor.space)

    def _with_rows(self, row: Row, outer: Scope, below: Callable[[], _Seen]) -> _Seen:
        """A row, the rows that `below` makes, and what they stand for together in the first."""
        at = len(self.rows)
        self.rows.append(row)
        seen = below()
        self.rows[at] = self._filled(row, seen, outer)
        return seen

    def _filled(self, row: Row, seen: _Seen, outer: Scope) -> Row:
        params = self._count(seen.weights, outer)
        return replace(row, params=params, nodes=tuple(seen.nodes), weights=tuple(seen.weights))

    def _node(self, node: Node, depth: int, outer: Scope) -> _Seen:
        inner = inner_traces(node.op)
        if inner:
            return self._traces(node, inner, depth, outer)
        definition = node.definition(decoding=self.decoding)
        if definition is not None:
            return self._composite(node, definition, depth, outer)
        used = self._weights(node)
        seen = _Seen([node], [weight for weight in used if weight not in self.seen])
        self.seen.update(used)
        row = self.row(depth, "step", self._label(node), node.outputs[0])
        shared = bool(used) and not seen.weights
        self.rows.append(replace(self._filled(row, seen, outer), shared=shared))
        return seen

    def _composite(self, node: Node, inner: Trace, depth: int, outer: Scope) -> _Seen:
        row = self.row(depth, "step", self._label(node), node.outputs[0])
        return self._with_rows(
            row,
            outer,
            lambda: _Seen.of([self._node(part, depth + 1, outer) for part in inner.body]),
        )

    def _traces(self, node: Node, traces: Sequence[Trace], depth: int, outer: Scope) -> _Seen:
        """A child module; or a stack: its one layer, or its pattern with the layers under it."""
        result = node.outputs[0]
        if not isinstance(node.op, Stack):
            row = self.row(depth, "module", traces[0].scope.name, result)
            return self._with_rows(row, outer, lambda: self._body(traces[0], depth))
        label, again = ", ".join(t.title for t in traces), shared(self.graph, node.op)
        label = f"{label} ({again})" if again else label
        row = self.row(depth, "block", label, result, self._value(node.op.count))
        if len(traces) == 1:
            return self._with_rows(row, outer, lambda: self._body(traces[0], depth))
        return self._with_rows(
            row, outer, lambda: _Seen.of([self._layer(trace, depth + 1) for trace in traces])
        )

    def _layer(self, trace: Trace, depth: int) -> _Seen:
        """One layer of a pattern, counted once: the pattern's row counts the repetitions."""
        row = self.row(depth, "block", trace.title, trace.results[0])
        return self._with_rows(row, trace.scope, lambda: self._body(trace, depth))

    def _body(self, trace: Trace, depth: int) -> _Seen:
        return _Seen.of([self._node(step, depth + 1, trace.scope) for step in trace.body])

    def _label(self, node: Node) -> str:
        """What the step does, and the name of its weights."""
        label = node.op.label()
        name = node.group.name if node.group is not None else label
        return name if name.startswith(label) else f"{label} {name}"

    def _weights(self, node: Node) -> list[Weight]:
        """The parameters that the node uses."""
        if node.group is None:
            return []
        used = (node.group.weights[name] for name in node.op.weights(*node.inputs))
        return [weight for weight in used if weight.learned]

    def _count(self, weights: Iterable[Weight], outer: Scope) -> int:
        return sum(self._value(w.elements) * self._copies(w, outer) for w in weights)

    def _copies(self, weight: Weight, outer: Scope) -> int:
        """How many of it there are in one `outer`."""
        scope, count = weight.group.parent, 1
        while scope is not None and scope is not outer:
            count *= self._value(scope.copies)
            scope = scope.parent
        return count

    def _value(self, size: Dim) -> int:
        value = self.graph.facts.value(size)
        assert value is not None, f"weights are made of {size}, which is not fixed"
        return value
