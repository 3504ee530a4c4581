"""The graph as it is drawn: composites opened, values by one name, and what lines lead from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from tfspec.diagnostics.escape import escape
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.draw.dominators import Dominators
from tfspec.passes.draw.parted import Sides, first_of_equal
from tfspec.passes.draw.walks import free
from tfspec.passes.draw.words import Words


class Drawn:
    """What is known of the traces that were entered, where some are `opened`."""

    def __init__(self, words: Words, opened: Collection[Trace], ops: bool) -> None:
        self.words, self.opened, self.ops = words, set(opened), ops
        self.maker: dict[Tensor, Node] = {}
        self.alias: dict[Tensor, Tensor] = {}
        self.starts: dict[Tensor, str] = {}
        self.inside: dict[Tensor, Trace] = {}
        self.dominators: dict[Trace, Dominators] = {}
        self.trunks: dict[Node, list[Tensor]] = {}
        self.uses = Counter[Tensor]()
        self.twins: list[tuple[Node, Node]] = []
        self.sides: Sides = {}

    def enter(self, trace: Trace, starts: Sequence[Tensor] = (), once: bool = False) -> None:
        """Learn a trace's steps; `starts` are drawn as inputs, and with `once` the first alone of
        several equal choices of tokens."""
        self.starts.update((tensor, escape(tensor.role or "")) for tensor in starts)
        closed = trace is not self.words.graph.trace
        tree = self.dominators[trace] = Dominators(trace.inputs, closed)
        self.inside.update((tensor, trace) for tensor in trace.inputs)
        steps = list(self._steps(trace.body))
        steps = self._once(steps) if once else steps
        for node in steps:
            inner = (tensor for below in inner_traces(node.op) for tensor in free(below))
            self.uses.update(map(self._known, (*node.inputs, *inner)))
        self.trunks.clear()
        for node in steps:
            self.maker[node.outputs[0]] = node
            self.inside[node.outputs[0]] = trace
            tree.add(node.outputs[0], self._within(node))

    def _once(self, steps: Sequence[Node]) -> list[Node]:
        """Of equal choices of tokens the first, which stands for the others too."""
        again = first_of_equal(steps, self._operands)
        self.twins += ((first, node) for node, first in again.items())
        for node, first in again.items():
            self.alias[node.outputs[0]] = first.outputs[0]
        return [node for node in steps if node not in again]

    def _steps(self, body: Iterable[Node]) -> Iterator[Node]:
        """Every step, composites opened where a figure shows ops."""
        for node in body:
            look = node.op.look(*node.inputs)
            if look.form == "quiet" and not self.ops:
                self.alias[node.outputs[0]] = node.inputs[0]
            if node.inner is None or not self.ops:
                if look.form != "quiet" or self.ops:
                    yield node
                continue
            yield from self._steps(node.inner.body)
            self.alias[node.outputs[0]] = node.inner.results[0]

    def _known(self, tensor: Tensor) -> Tensor:
        tensor = tensor.original
        while tensor in self.alias:
            tensor = self.alias[tensor]
        return tensor

    def _operands(self, node: Node) -> list[Tensor]:
        """What lines lead from."""
        hidden = node.op.look(*node.inputs).hides
        shown = (each for at, each in enumerate(node.inputs) if at not in hidden)
        return list(dict.fromkeys(map(self._known, shown)))

    def _within(self, node: Node) -> list[Tensor]:
        """Those of its trunk that its own trace makes or is given."""
        trace = self.inside[node.outputs[0]]
        return [each for each in self._trunk(node) if self.inside.get(each) is trace]

    def _trunk(self, node: Node) -> list[Tensor]:
        """The operands that lines lead to, kept until more of the graph is known."""
        if node not in self.trunks:
            self.trunks[node] = self._leading(node)
        return self.trunks[node]

    def _leading(self, node: Node) -> list[Tensor]:
        """Those of its own trace, and none that a step brings along; where blocks are drawn, of a
        step that has none the first value that comes from elsewhere."""
        trace = self.inside[node.outputs[0]]
        beside = self._across(node)
        own = [
            each
            for each in self._operands(node)
            if self.inside.get(each) is trace and each not in beside
        ]
        entry = self._known(node.inputs[0]) if node.inputs else None
        if entry in own and self._opens(node) and self._brought(entry):
            return [entry]  # a card stands on what enters it, though that comes from nothing
        made = [each for each in own if not self._brought(each)]
        outer = [each for each in self._operands(node) if each not in beside and not self.ops]
        return made or own or outer[:1]

    def _across(self, node: Node) -> tuple[Tensor, ...]:
        """The operands that are values of the column beside its own."""
        side = self.sides.get(node.outputs[0])
        operands = self._operands(node) if side is not None else ()
        return tuple(each for each in operands if self.sides.get(each, side) != side)

    def _opens(self, node: Node) -> bool:
        return any(trace in self.opened for trace in inner_traces(node.op))

    def _brought(self, tensor: Tensor) -> bool:
        """Whether it goes to one step alone, and comes from nothing, as a learned token does, or
        is shown aside."""
        node = self.maker.get(tensor)
        if node is None or self.uses[tensor] != 1:
            return False
        return not node.inputs or node.op.look(*node.inputs).aside
