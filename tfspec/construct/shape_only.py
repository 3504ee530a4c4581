"""What is computed for its shape alone: its numbers reach no output, and no gradient reaches it."""

from __future__ import annotations

from collections.abc import Iterable

from tfspec.construct.sizes import Sizes
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, leading_to


def check_shapes(g: Sizes, top: Trace, outputs: Iterable[Tensor]) -> None:
    """Refuse it: costs would count work that no training does. To be asked when all is built."""
    if not any(node.op.shape_only for node in top.body):
        return
    results = tuple(outputs)
    run = leading_to(top.body, results)
    lent = _made(run) - _made(leading_to(top.body, results, numbers=True))
    for node in run:
        if node.op.shape_only and not lent.isdisjoint(node.inputs):
            assert node.span is not None, "it is a step of the spec"
            what = f"`{node.op.label()}` in the space of a value whose numbers nothing reads"
            g.not_yet(what, node.span, ["name a value that an output is made of"])


def _made(nodes: Iterable[Node]) -> set[Tensor]:
    return {made for node in nodes for made in node.outputs}
