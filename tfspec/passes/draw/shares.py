"""What part of the whole each box costs, in all of its repetitions."""

from __future__ import annotations

from typing import Literal

from tfspec.graph.graph import Graph
from tfspec.graph.scope import Weight
from tfspec.passes.cost.cost import chosen
from tfspec.passes.cost.names import Counts
from tfspec.passes.cost.work import work
from tfspec.passes.draw.parts import Box, Figure

Quantity = Literal["none", "flops", "params"]
QUANTITIES: tuple[Quantity, ...] = ("none", "flops", "params")


def shares(graph: Graph, figure: Figure, what: Quantity) -> dict[Box, float]:
    """Each box's share, 0 to 1; together they are 1. Raises NotYet where a dim has no value."""
    if what == "none":
        return {}
    amounts = params(graph, figure) if what == "params" else flops(graph, figure)
    total = sum(amounts.values())
    return {box: amount / total for box, amount in amounts.items()} if total else {}


def flops(graph: Graph, figure: Figure) -> dict[Box, int]:
    """Forward FLOPs of each box, at the sizes that `tfspec cost` takes."""
    counts = Counts(graph)
    bound = {**graph.bindings(), **chosen(graph, graph.bound), **graph.bound}
    values = counts.values(bound)
    done = work(graph, counts.shapes(lambda tensor: tensor.shape))
    return {
        box: sum(done[node].forward.value(values) for node in box.nodes if node in done)
        for box in figure.boxes()
    }


def params(graph: Graph, figure: Figure) -> dict[Box, int]:
    """Parameters of each box; a weight that several share counts where it is first."""
    seen: set[Weight] = set()
    found: dict[Box, int] = {}
    for box in figure.boxes():
        weights = [w for node in box.nodes if node.group for w in node.group.weights.values()]
        new = [weight for weight in dict.fromkeys(weights) if weight not in seen]
        seen.update(new)
        found[box] = sum(_elements(graph, weight) for weight in new)
    return found


def _elements(graph: Graph, weight: Weight) -> int:
    scope = weight.group.parent
    copies = graph.facts.value(scope.instances) if scope is not None else 1
    return (graph.facts.value(weight.elements) or 0) * (copies or 1)
