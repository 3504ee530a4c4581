"""What each primitive step of a graph computes: FLOPs forward, needed and backward, as formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tfspec.graph.graph import Graph
from tfspec.graph.space import Axis
from tfspec.graph.structure import Stack
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, inner_traces, leading_to
from tfspec.passes.reached import Flow, Seen, Tape, ends, turns
from tfspec.symbolic import Dim

ShapeOf = Callable[[Tensor], tuple[Dim, ...]]
Known = dict[Tensor, Tensor]
ZERO = Dim.of(0)


@dataclass(frozen=True)
class Work:
    """FLOPs of one step, in all of its repetitions, a multiply-add being 2.

    `forward` takes attention as dense; `needed` counts only pairs of a query and a key that a mask
    allows; `backward` is one product more for each operand of a product that needs a gradient.
    """

    forward: Dim = ZERO
    needed: Dim = ZERO
    backward: Dim = ZERO
    exact: bool = True
    """Whether `needed` counts all that masks hide; else it is a bound from above."""

    def __add__(self, other: Work) -> Work:
        return Work(
            self.forward + other.forward,
            self.needed + other.needed,
            self.backward + other.backward,
            self.exact and other.exact,
        )


def work(graph: Graph, shape_of: ShapeOf, mode: str = "forward") -> dict[Node, Work]:
    """The work of every primitive step that a mode's outputs depend on, where tensors have these
    shapes.

    What no output reads is not emitted, and has no work; while decoding also what does not follow
    the text, which the prompt has made.
    """
    walk = _Walk(shape_of, graph.follows if mode == "decode" else None)
    walk.whole(graph, list(graph.asked(mode).values()))
    return walk.found


def trained(graph: Graph) -> list[str]:
    """The outputs that training changes: those that need a gradient."""
    outputs, walk = graph.outputs, _Walk(lambda tensor: tensor.shape)
    walk.whole(graph, list(outputs.values()))
    return [name for name, tensor in outputs.items() if walk.needing(tensor)]


def _parts(tensor: Tensor) -> range:
    """Its parts by their numbers, where they lie apart; else one."""
    return range(len(tensor.widths) or 1)


def _unread(tensor: Tensor) -> tuple[Seen, ...]:
    return tuple(Seen() for _ in _parts(tensor))


@dataclass
class _Walk:
    """Goes over traces in order; `values` has each tensor of the running layer, and which of its
    parts, where these lie in tensors of their own; `known` each tensor in its shape here."""

    shape_of: ShapeOf
    follows: frozenset[Tensor] | None = None
    found: dict[Node, Work] = field(default_factory=dict[Node, Work])
    values: dict[Tensor, tuple[Seen, ...]] = field(default_factory=dict[Tensor, tuple[Seen, ...]])
    known: dict[Tensor, Tensor] = field(default_factory=dict[Tensor, Tensor])
    tape: Tape[tuple[Node, Dim]] = field(default_factory=Tape[tuple[Node, Dim]])

    def whole(self, graph: Graph, outputs: Sequence[Tensor]) -> None:
        """The model, as far as these outputs depend on it."""
        body = leading_to(graph.trace.body, outputs)
        self.trace(replace(graph.trace, body=body), Dim.of(1))
        read = [seen for tensor in outputs for seen in self.seen(tensor)]
        for node, backward in self.tape.reached(read):
            self.found[node] += Work(backward=backward)

    def trace(self, trace: Trace, times: Dim) -> None:
        for node in trace.body:
            inner = inner_traces(node.op)
            if self.follows is not None and self.follows.isdisjoint(node.outputs):
                continue
            if isinstance(node.op, Stack):
                self._stack(node, node.op, times)
            elif inner:
                self._pass(node.inputs, inner[0].inputs)
                self.trace(inner[0], times)
                self._pass(inner[0].results, node.outputs)
            elif (definition := self._definition(node)) is not None:
                self._composite(node, definition, times)
            else:
                self._step(node, times, self._shaped(node.inputs), self._shaped(node.inputs))

    def _definition(self, node: Node) -> Trace | None:
        return node.definition(decoding=self.follows is not None)

    def seen(self, tensor: Tensor) -> tuple[Seen, ...]:
        """Its parts in the running layer."""
        original = tensor.original
        return self.values.get(original) or self.values.setdefault(original, _unread(original))

    def needing(self, tensor: Tensor) -> list[int]:
        """Which of its parts need a gradient."""
        return [part for part, seen in enumerate(self.seen(tensor)) if seen.needs]

    def _pass(self, given: Sequence[Tensor], taken: Sequence[Tensor]) -> None:
        """Values that go into a trace, or come out, under other names."""
        self.values.update(
            (other.original, self.seen(one)) for one, other in zip(given, taken, strict=True)
        )

    def _stack(self, node: Node, stack: Stack, times: Dim) -> None:
        """The layers at its ends one by one; at the front only where not all that comes in needs a
        gradient, as all that a layer leaves does."""
        (x,), given = node.inputs, node.inputs
        front, back = ends(len(_parts(x)))
        front = front if self.needing(x) != list(_parts(x)) else 0
        for layers in turns(stack.count, stack.rounds, front, back):
            for trace in stack.traces:
                self._pass(given, trace.inputs)
                self.trace(trace, layers * times)
                given = trace.results
        self._pass(given, node.outputs)

    def _composite(self, node: Node, inner: Trace, times: Dim) -> None:
        """Its definition; what its mask needs is the definition's work on fewer pairs."""
        shaped = dict(zip(node.inputs, self._shaped(node.inputs), strict=True))
        self._define(node, inner, times, shaped, dict(shaped))

    def _define(
        self, node: Node, inner: Trace, times: Dim, shaped: Known, fewer: Known, exact: bool = True
    ) -> None:
        """The steps of a definition, on values in their shapes, and on those that are needed."""
        given = self._of(fewer, node.inputs)
        needed = node.op.needed(*given)
        fewer.update(zip(inner.inputs, needed, strict=True))
        exact = exact and node.op.needs_exactly
        for step in inner.body:
            if (definition := self._definition(step)) is not None:
                self._define(step, definition, times, shaped, fewer, exact)
                continue
            inputs = self._of(shaped, step.inputs), self._of(fewer, step.inputs)
            out = self._step(step, times, *inputs, exact)
            shaped[step.outputs[0]], fewer[step.outputs[0]] = out
        shaped[node.outputs[0]] = self._of(shaped, inner.results)[0]
        fewer[node.outputs[0]] = self._out(node, given)  # of every query, whatever pairs it had
        self._pass(inner.results, node.outputs)

    def _of(self, known: Known, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(known.get(each) or self._shaped([each])[0] for each in tensors)

    def _step(
        self,
        node: Node,
        times: Dim,
        inputs: Sequence[Tensor],
        needed: Sequence[Tensor],
        exact: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Counts a primitive step; gives its outputs for these inputs, and for those needed."""
        out, out_needed = self._out(node, inputs), self._out(node, needed)
        flops = node.op.flops(inputs, [out]) * times
        operands = sum(bool(self.needing(tensor)) for tensor in node.inputs)
        learns = node.group is not None and any(
            node.group.weights[name].trained for name in node.op.weights(*node.inputs)
        )
        done = Work(flops, node.op.flops(needed, [out_needed]) * times, exact=exact)
        self.found[node] = self.found.get(node, Work()) + done
        self.values.update((each, _unread(each)) for each in node.outputs)
        if operands or learns:
            self.tape.add((node, flops * (operands + learns)), self._flows(node))
        return out, out_needed

    def _flows(self, node: Node) -> list[Flow]:
        """What it makes, of its operands; of parts that it leaves as they are, each of its own."""
        (output,), moved = node.outputs, node.op.moved(*node.inputs)
        if output.kind != "float" or node.op.shape_only:  # choices, and zeros
            return []
        given = [*map(self.seen, node.inputs)]
        if not moved:
            return [
                (seen, [each for parts in given for each in parts]) for seen in self.seen(output)
            ]
        pairs = zip(self.seen(output), (given[of][part] for of, part in moved), strict=True)
        return [(seen, [of]) for seen, of in pairs if of.needs]

    def _out(self, node: Node, inputs: Sequence[Tensor]) -> Tensor:
        """The output as it is where these inputs are the node's own, else as it follows of them."""
        if all(one is other for one, other in zip(inputs, self._shaped(node.inputs), strict=True)):
            return self._shaped(node.outputs)[0]
        return node.op.infer(*inputs)

    def _shaped(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(
            self.known.get(tensor) or self.known.setdefault(tensor, self._reshaped(tensor))
            for tensor in tensors
        )

    def _reshaped(self, tensor: Tensor) -> Tensor:
        shape = self.shape_of(tensor)
        if shape == tensor.shape:
            return tensor
        names = [axis.name for axis in tensor.axes]
        if len(shape) < len(names):  # ids on a grid, which come flat
            names = [*(axis.name for axis in tensor.space.batch), "tokens"]
        axes = zip(names, shape, strict=True)
        return replace(tensor, axes=tuple(Axis(name, size) for name, size in axes))
