"""What readers are told of a stack whose layers share weights."""

from __future__ import annotations

from tfspec.graph.graph import Graph
from tfspec.graph.structure import Stack


def shared(graph: Graph, stack: Stack) -> str:
    """`6 shared`: so many layers are all that run, again and again. Empty where all are apart."""
    own = graph.facts.value(stack.own)
    return "" if own == graph.facts.value(stack.count) else f"{own} shared"
