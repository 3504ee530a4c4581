"""Checks a figure's edges against the graph itself: read by other means than figures are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tfspec.graph.structure import Stack
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.draw.draw import Drawing
from tfspec.passes.draw.parts import Box, End
from tfspec.passes.draw.wiring import Stop, wiring


def miswired(drawing: Drawing) -> list[str]:
    """What is wrong: an edge between boxes of which one reads nothing of the other; or none where
    one does, but for what a layer reads of the layer before, which is the same boxes again."""
    values = _Values(drawing.graph.trace, quiet=drawing.level == "ops")
    found = wiring(drawing.figure)
    edges = {(edge.source, edge.target) for edge in found.edges}
    made = {stop: {*_shown(stop, values), *values.made(stop)} for stop in found.stops}
    read = {stop: values.read(stop) - made[stop] for stop in found.stops}
    led = {stop: set[Tensor]() for stop in found.stops}
    for source, target in edges:
        led[target] |= _shown(source, values)
    said = [
        f"{_name(source)} leads to {_name(target)}, which does not read it"
        for source, target in edges
        if not isinstance(target, End) and not made[source] & read[target]
    ]
    for at, target in enumerate(found.stops):
        for number, source in enumerate(found.stops):
            missing = _shown(source, values) & read[target] - led[target]
            again = number > at and any(card.count > 1 for card in found.cards[target])
            if source is not target and missing and not again:
                said.append(f"no edge from {_name(source)} to {_name(target)}, which reads it")
    return said


class _Values:
    """Which values of a graph are the same one, under the names that traces give it; what `quiet`
    steps make is another one, if they are drawn."""

    def __init__(self, trace: Trace, *, quiet: bool) -> None:
        self.quiet = quiet
        self.same: dict[Tensor, Tensor] = {}
        self._trace(trace)

    def _trace(self, trace: Trace) -> None:
        for node in trace.body:
            inner = inner_traces(node.op)
            steps = pairwise(inner)
            for before, after in steps if isinstance(node.op, Stack) else ():
                self._one(after.inputs[0], before.results[0])
            if inner:
                for ours, outer in zip(inner[0].inputs, node.inputs, strict=False):
                    self._one(ours, outer)
                self._one(node.outputs[0], inner[-1].results[0])
            elif node.inner is not None:
                self._one(node.outputs[0], node.inner.results[0])
            elif not self.quiet and _is_quiet(node):
                self._one(node.outputs[0], node.inputs[0])
            for each in (*inner, *((node.inner,) if node.inner is not None else ())):
                self._trace(each)

    def _one(self, name: Tensor, value: Tensor) -> None:
        if name.original is not value.original:
            self.same[name.original] = value.original

    def known(self, tensor: Tensor) -> Tensor:
        tensor = tensor.original
        while tensor in self.same:
            tensor = self.same[tensor]
        return tensor

    def read(self, stop: Stop) -> set[Tensor]:
        """What a box's steps take; what a step hides of its operands has no line."""
        return {self.known(each) for each in _takes(stop)}

    def made(self, stop: Stop) -> set[Tensor]:
        """What a box's steps make, and not what quiet ones pass on."""
        nodes = stop.nodes if isinstance(stop, Box) else ()
        return {self.known(node.outputs[0]) for node in nodes if self.quiet or not _is_quiet(node)}


def _is_quiet(node: Node) -> bool:
    return node.op.look(*node.inputs).form == "quiet"


def _shown(stop: Stop, values: _Values) -> set[Tensor]:
    """What a box shows that it makes, and no step within it."""
    return set() if isinstance(stop, End) else {values.known(stop.made)}


def _takes(stop: Stop) -> Iterator[Tensor]:
    for node in stop.nodes if isinstance(stop, Box) else ():
        hidden = _hidden(node)
        yield from (each for at, each in enumerate(node.inputs) if at not in hidden)


def _hidden(node: Node) -> frozenset[int] | tuple[int, ...]:
    return node.op.look(*node.inputs).hides


def _name(stop: Stop) -> str:
    return stop.title if isinstance(stop, Box) else stop.text
