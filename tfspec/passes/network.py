"""The pass `graph`: a model as a networkx graph, for who computes on architectures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from typing import TYPE_CHECKING, TypedDict

from tfspec.graph.graph import Graph
from tfspec.graph.scope import Scope, Weight
from tfspec.graph.structure import Stack
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, flags, inner_traces
from tfspec.passes.cost.names import Counts
from tfspec.passes.cost.work import work
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    import networkx as nx

Inside = tuple[str, ...]


class Shape(TypedDict):
    """What a value's shape is in attributes: `[B, T, d]`, and the names in it, in order; of parts
    with widths of their own each one's: `[B, T, d] + [B, R, e]`."""

    shape: str
    symbols: tuple[str, ...]


def network(graph: Graph) -> nx.DiGraph[str]:
    """The steps of a checked graph, as `Architecture.graph` describes them."""
    return _Network(graph).made


class _Network:
    """Walks the traces in order of execution, and opens stacks, modules and composites."""

    def __init__(self, graph: Graph) -> None:
        import networkx as nx

        self.graph, counts = graph, Counts(graph)
        self.work = work(graph, counts.shapes(lambda tensor: tensor.shape))
        self.maker: dict[Tensor, str] = {}
        self.seen: set[Weight] = set()
        self.ids: dict[str, count[int]] = {}
        self.modules: dict[str, dict[str, object]] = {}
        self.made: nx.DiGraph[str] = nx.DiGraph(
            name=graph.name, params=self.number(graph.params), modules=self.modules,
            symbols=self._symbols(counts.letters),
        )  # fmt: skip
        self._whole()

    def _whole(self) -> None:
        graph = self.graph
        for tensor in graph.inputs:
            self.maker[tensor] = self._add(tensor.role or "input", "input", "", tensor)
        self._trace(graph.trace, (), 1)
        for name, tensor in graph.outputs.items():
            self._edges([tensor], self._add(name, "output", "", tensor))
        ends = graph.streams.items()
        self.made.graph["streams"] = {name: self.maker[value.original] for name, value in ends}

    def _symbols(self, letters: Mapping[str, Dim]) -> dict[str, str]:
        """What each symbol stands for: as the spec declares it, or a formula."""
        domains = {name: str(domain) for name, domain in self.graph.facts.domains.items()}
        formulas = {**self.graph.names.letters, **letters}
        return {**domains, **{letter: str(size) for letter, size in formulas.items()}}

    # ---- traces
    def _trace(self, trace: Trace, inside: Inside, times: int) -> None:
        for node in trace.body:
            traces = inner_traces(node.op)
            if traces:
                rounds = self.number(node.op.count) if isinstance(node.op, Stack) else 1
                self._run(node, traces, inside, times * rounds)
            elif node.inner is not None:
                self._trace(node.inner, inside, times)
                self._pass(node.inner.results, node.outputs)
            else:
                self._step(node, trace.scope, inside, times)

    def _run(self, node: Node, traces: Sequence[Trace], inside: Inside, times: int) -> None:
        """Layers in turn, or one module: what goes in, and what the last of them makes."""
        given: Sequence[Tensor] = node.inputs
        for trace in traces:
            path = trace.scope.path
            self.modules.setdefault(path, self._module(trace.scope, times))
            self._pass(given, trace.inputs)
            self._trace(trace, (*inside, path), times)
            given = [tensor.original for tensor in trace.results]
        self._pass(given, node.outputs)

    def _pass(self, given: Iterable[Tensor], taken: Iterable[Tensor]) -> None:
        for one, other in zip(given, taken, strict=True):
            self.maker[other] = self.maker[one.original]

    def _module(self, scope: Scope, times: int) -> dict[str, object]:
        outer = scope.parent.instances if scope.parent is not None else Dim.of(1)
        params = self.number(scope.params * outer)
        return {"kind": scope.kind, "count": times, "params": params}

    # ---- steps
    def _step(self, node: Node, scope: Scope, inside: Inside, times: int) -> None:
        label, made = node.op.label(), node.outputs[0]
        group = node.group
        path = group.path if group is not None else ".".join(filter(None, (scope.path, label)))
        kind = node.op.look(*node.inputs).kind
        done = self.work.get(node)
        name = self._add(
            path, kind, type(node.op).__name__, made, label=label, count=times, inside=inside,
            params=self._params(node), flops=str(done.forward) if done is not None else "0",
        )  # fmt: skip
        self.maker[made] = name
        self._edges(node.inputs, name)
        for flag in flags(node.op):
            self._edge(flag, name)

    def _add(self, path: str, kind: str, op: str, made: Tensor, **more: object) -> str:
        """A node by its path, or by the path and the first free number; its name."""
        names = chain([path], (f"{path} {n}" for n in self.ids.setdefault(path, count(2))))
        name = next(name for name in names if name not in self.made)
        last = path.rpartition(".")[2]
        plain = {"label": last, "count": 1, "inside": (), "params": 0, "flops": "0"}
        self.made.add_node(name, **{"kind": kind, "op": op, **self._shape(made), **plain, **more})
        return name

    def _edges(self, operands: Iterable[Tensor], target: str) -> None:
        for at, tensor in enumerate(operands):
            self._edge(tensor, target, at)

    def _edge(self, tensor: Tensor, target: str, *places: int) -> None:
        """One more line between two nodes, or one more place that a line leads to."""
        source = self.maker[tensor.original]
        before = self.made.get_edge_data(source, target, {}).get("operands", ())
        self.made.add_edge(source, target, **self._shape(tensor), operands=(*before, *places))

    def _shape(self, tensor: Tensor) -> Shape:
        known = self.graph.names.by_size
        sizes = chain.from_iterable(tensor.shapes)
        names = (name for size in sizes for name in _names(size, known.get(size)))
        return {"shape": self.graph.show(*tensor.shapes), "symbols": tuple(dict.fromkeys(names))}

    def _params(self, node: Node) -> int:
        """Learned numbers, in all copies of its module; a weight that several share, once."""
        weights = node.group.weights.values() if node.group is not None else ()
        new = [weight for weight in weights if weight.learned and weight not in self.seen]
        self.seen.update(new)
        return sum(self.number(weight.elements * _copies(weight)) for weight in new)

    def number(self, size: Dim) -> int:
        return self.graph.facts.value(size) or 0


def _copies(weight: Weight) -> Dim:
    scope = weight.group.parent
    return scope.instances if scope is not None else Dim.of(1)


def _names(size: Dim, letter: str | None) -> list[str]:
    return [letter] if letter else sorted(size.symbols)
