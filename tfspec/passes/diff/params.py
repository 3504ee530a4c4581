"""Parameters by what they are for: embeddings, attention, feed-forward, head, ..."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tfspec.diagnostics import Span
from tfspec.graph.graph import Graph
from tfspec.graph.scope import Weight
from tfspec.graph.trace import Node, inner_traces

_OF_STEP = {
    "embed": "embeddings",
    "pos": "positions",
    "attend": "attention",
    "ffn": "feed-forward",
    "norm": "norms",
    "patch": "patches",
}
HEAD = "head"
"""What only the outputs have. A head that is tied to a table counts with the embeddings."""


def params_by_component(graph: Graph, called: Mapping[Span, str]) -> dict[str, int]:
    """How many parameters each component has, shared ones once; `called` has the steps' places.

    The sum over components is the model's count. A step without a component of its own counts
    under its name; what a block puts around its branches, under the op's (norms, gate, ...).
    """
    found: dict[str, int] = {}
    owners = _owners(graph, called)
    for weight, times in graph.scope.walk():
        count = graph.facts.value(weight.elements * times)
        assert count is not None, f"{weight.path} has no fixed size"
        component = owners.get(weight, "other")
        found[component] = found.get(component, 0) + count
    return found


def _owners(graph: Graph, called: Mapping[Span, str]) -> dict[Weight, str]:
    """The component of each weight, by the first node that uses it."""
    found: dict[Weight, str] = {}
    for at, node in enumerate(graph.trace.body):
        for inner in _within([node]):
            step = called.get(inner.span) if inner.span is not None else None
            name = step if step not in (None, "stack") else inner.op.label()
            component = HEAD if at >= graph.outputs_at else _OF_STEP.get(name, name)
            for weight in _weights(inner):
                found.setdefault(weight, component)
    return found


def _within(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        if node.inner is not None:
            yield from node.inner.nodes()
        for trace in inner_traces(node.op):
            yield from trace.nodes()


def _weights(node: Node) -> Iterable[Weight]:
    if node.group is not None:
        yield from (node.group.weights[name] for name in node.op.weights(*node.inputs))
