"""Whether a token of a text sees later ones: what is told of the next token must not."""

from __future__ import annotations

from collections.abc import Iterator

from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, following, inner_traces


def looks_ahead(graph: Graph, text: Tensor, output: Tensor) -> Node | None:
    """The first node behind an output by which tokens of a text see later ones of it, or None.

    What attends to a memory that is made of no part of the text sees none of its tokens. One token
    that is taken out, and added to those before it, is not noticed.
    """
    made = following(graph.trace, [text])
    behind = [node for step in _behind(graph, output) for node in _opened(step)]
    seeing = (node for node in behind if node.op.looks_ahead)
    return next((node for node in seeing if made.issuperset(node.inputs[:2])), None)


def _behind(graph: Graph, output: Tensor) -> list[Node]:
    """The steps that an output is made by, in order."""
    wanted, found = {output.original}, list[Node]()
    for node in reversed(graph.trace.body):
        if not wanted.isdisjoint(node.outputs):
            found.append(node)
            wanted.update(tensor.original for inner in _opened(node) for tensor in inner.inputs)
    return found[::-1]


def _opened(node: Node) -> Iterator[Node]:
    """A step, and those that it stands for."""
    yield node
    for trace in (*inner_traces(node.op), *((node.inner,) if node.inner is not None else ())):
        yield from trace.nodes()
