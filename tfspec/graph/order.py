"""Whether a token of a text sees later ones: what is told of the next token must not."""

from __future__ import annotations

from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, following


def looks_ahead(graph: Graph, text: Tensor) -> Node | None:
    """The first node by which tokens of a text see later ones of it, or None.

    What attends to a memory that is made of no part of the text sees none of its tokens.
    """
    made = following(graph.trace, [text])
    seeing = (node for node in graph.trace.nodes() if node.op.looks_ahead)
    return next((node for node in seeing if made.issuperset(node.inputs[:2])), None)
