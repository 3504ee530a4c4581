"""What is computed for its shape alone: its numbers reach no output, and no gradient reaches it."""

from __future__ import annotations

from collections.abc import Iterable

from tfspec.construct.sizes import Sizes
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Trace, leading_to


def check_shapes(g: Sizes, top: Trace, outputs: Iterable[Tensor]) -> None:
    """Refuse it: costs would count work that no training does. To be asked when all is built."""
    results = tuple(outputs)
    run = leading_to(top.body, results)
    read = {made for node in leading_to(top.body, results, numbers=True) for made in node.outputs}
    for node in run:
        if node.op.shape_only:
            (value,) = node.inputs
            made = {output for each in run for output in each.outputs}
            if value.original in made - read:
                assert node.span is not None, "it is a step of the spec"
                what = f"`{node.op.label()}` in the space of a value whose numbers nothing reads"
                g.not_yet(what, node.span, ["name a value that an output is made of"])
