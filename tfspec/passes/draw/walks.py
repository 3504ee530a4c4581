"""Walks over the graph: the primitive steps below nodes, and what a trace reads from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, inner_traces


def primitives(nodes: Iterable[Node]) -> Iterator[Node]:
    """The steps that nodes stand for, modules, stacks and composites opened."""
    for node in nodes:
        traces = (*inner_traces(node.op), *((node.inner,) if node.inner is not None else ()))
        if not traces:
            yield node
        for trace in traces:
            yield from primitives(trace.body)


def free(trace: Trace) -> Iterator[Tensor]:
    """What a trace reads and does not make."""
    made = set(trace.inputs)
    for node in trace.body:
        inner = [t for below in inner_traces(node.op) for t in free(below)]
        yield from (t for each in (*node.inputs, *inner) if (t := each.original) not in made)
        made.update(node.outputs)


def signature(trace: Trace) -> tuple[object, ...]:
    """What equal layers have in common: their kinds of steps, in order."""
    return tuple(type(node.op) for node in primitives(trace.body))


def alike(graph: Graph, trace: Trace) -> int:
    """How many of a block or module the model has, each with weights of its own: those of its kind
    that look the same, take the same steps and have as many parameters."""
    inner = (each for node in graph.trace.nodes() for each in inner_traces(node.op))
    same = {each.scope for each in inner if _nature(each) == _nature(trace)}
    return sum(graph.facts.value(scope.instances) or 1 for scope in same)


def _nature(trace: Trace) -> tuple[object, ...]:
    return trace.scope.kind, trace.look, signature(trace), trace.scope.params_each
