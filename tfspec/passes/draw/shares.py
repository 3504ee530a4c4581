"""What part each box has of the cost of all that is drawn, in all of its repetitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from tfspec.graph.graph import Graph
from tfspec.graph.scope import Weight
from tfspec.graph.trace import Node
from tfspec.passes.draw.parts import Box, Figure
from tfspec.passes.draw.shapes import SHOWN
from tfspec.passes.draw.walks import primitives

if TYPE_CHECKING:
    from tfspec.passes.memory.saved import Memory

Quantity = Literal["none", "flops", "params", "memory"]
QUANTITIES: tuple[Quantity, ...] = ("none", "flops", "params", "memory")


def shares(graph: Graph, figure: Figure, what: Quantity) -> dict[Box, float]:
    """Each box's share, 0 to 1; together they are 1. Raises NotYet where a dim has no value."""
    if what == "none":
        return {}
    amounts = AMOUNTS[what](graph, figure)
    total = sum(amounts.values())
    return {box: amount / total for box, amount in amounts.items()} if total else {}


def flops(graph: Graph, figure: Figure) -> dict[Box, int]:
    """Forward FLOPs of each box, at the sizes that `tfspec cost` takes."""
    from tfspec.passes.cost.names import Counts
    from tfspec.passes.cost.work import work

    counts = Counts(graph)
    values = counts.values(_sizes(graph))
    done = work(graph, counts.shapes(lambda tensor: tensor.shape))
    return {
        box: sum(done[node].forward.value(values) for node in box.nodes if node in done)
        for box in figure.boxes()
    }


def memory(graph: Graph, figure: Figure) -> dict[Box, int]:
    """Bytes that autograd keeps of each box, in fp32 on a CPU, at the sizes of `tfspec cost`."""
    from tfspec.passes.memory.saved import saved

    kept = kept_by_step(saved(graph, sizes=_sizes(graph)))
    return {box: sum(kept.get(node, 0) for node in box.nodes) for box in figure.boxes()}


def kept_by_step(found: Memory) -> Mapping[Node, int]:
    """Bytes kept of each primitive step, in all layers: what a kernel of several steps keeps stands
    at the last of them."""
    kept: dict[Node, int] = {}
    for row in found.rows:
        *_, last = primitives([row.node]) if row.node is not None else (None,)
        if last is not None:
            kept[last] = kept.get(last, 0) + row.bytes
    return kept


def _sizes(graph: Graph) -> dict[str, int]:
    from tfspec.passes.cost.cost import chosen

    return {**graph.bindings(), **chosen(graph, graph.bound), **graph.bound}


def params(graph: Graph, figure: Figure) -> dict[Box, int]:
    """Parameters of each box; a weight that several share counts where it is first."""
    found = dict.fromkeys(figure.boxes(), 0)
    for weight, box in _counted(figure).items():
        found[box] += _elements(graph, weight)
    return found


def shared(figure: Figure, found: Mapping[Box, float], what: Quantity) -> frozenset[Box]:
    """Boxes that have no share, as their weights count at another box, which shows one."""
    if what != "params":
        return frozenset()
    counted = _counted(figure)
    others = ((box, counted[w]) for box in figure.boxes() for w in _weights(box))
    mine = set(counted.values())
    return frozenset(
        box for box, other in others if box not in mine and found.get(other, 0) >= SHOWN
    )


def _counted(figure: Figure) -> dict[Weight, Box]:
    """Each weight with the first box that has it."""
    found: dict[Weight, Box] = {}
    for box in figure.boxes():
        for weight in _weights(box):
            found.setdefault(weight, box)
    return found


def _weights(box: Box) -> list[Weight]:
    groups = [node.group for node in box.nodes if node.group]
    return [w for group in groups for w in group.weights.values() if w.learned]


def _elements(graph: Graph, weight: Weight) -> int:
    scope = weight.group.parent
    copies = graph.facts.value(scope.instances) if scope is not None else 1
    return (graph.facts.value(weight.elements) or 0) * (copies or 1)


AMOUNTS: Mapping[Quantity, Callable[[Graph, Figure], dict[Box, int]]] = {
    "flops": flops, "params": params, "memory": memory
}  # fmt: skip
