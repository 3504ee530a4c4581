"""Attention over some axes: tokens put by the others, and back (divided space-time attention)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tfspec.graph.look import Look, chip
from tfspec.graph.space import Axis, Part, Space
from tfspec.graph.tensor import Tensor, over
from tfspec.graph.trace import Node
from tfspec.ops.tokens import Rearrangement
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class Divided:
    """Tokens over `whole`, and the same by the axes `moved`: batch axes of `inside`, as one.

    A part that lacks these axes is repeated along them, and its results are averaged.
    """

    whole: Space
    inside: Space
    moved: tuple[str, ...]

    def runs(self, part: Part) -> list[tuple[bool, Dim]]:
        """A part's axes as they lie, neighbours together: whether they move, and how many."""
        found = groupby(part.axes, lambda axis: axis.name in self.moved)
        return [(moves, product(axis.size for axis in axes)) for moves, axes in found]

    def repeats(self, part: Part) -> bool:
        return not any(axis.name in self.moved for axis in part.axes)

    @property
    def along(self) -> Axis:
        """The axis of all that moves."""
        return self.inside.batch[-1]


@dataclass(frozen=True)
class Divide(Rearrangement):
    """Tokens by other axes: [B, 1 + T·n, d] over n -> [B, T, 1 + n, d] (Bertasius et al. 2021)."""

    divided: Divided

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.divided.inside, inputs[0].axes[-1])

    def label(self) -> str:
        return "divide"

    @property
    def called(self) -> str:
        return "attention `over` some axes"

    def look(self, *inputs: Tensor) -> Look:
        return chip("by", "·".join(self.divided.moved))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        lead = len(self.divided.whole.batch)
        pieces = _pieces(low, inputs[0], self.divided.whole, lead)
        made = [self._moved(low, *piece) for piece in pieces]
        shape = tuple(axis.size for axis in node.outputs[0].axes)
        return made[0] if len(made) == 1 else low.cat(made, str(lead + 1), shape)

    def _moved(self, low: Lowering, x: Value, part: Part) -> Value:
        """One part [B, n, d] as [B, m, n, d]."""
        lead, along = len(self.divided.whole.batch), self.divided.along
        if self.divided.repeats(part):
            x = x.new_axes("k" * lead + "1")
            sizes: list[tuple[ex.Expr, Dim]] = [(ex.Name("-1"), size) for size in x.shape]
            sizes[lead] = low.number(along.size, "places"), along.size
            return x.expand(sizes)
        runs = self.divided.runs(part)
        x = _unflattened(low, x, lead, [size for _, size in runs])
        first = [at for at, (moves, _) in enumerate(runs) if moves]
        rest = [at for at, (moves, _) in enumerate(runs) if not moves]
        if not rest:
            return x.new_axes("k" * (lead + 1) + "1")
        x = _reordered(x, lead, [*first, *rest])
        last = lead + len(runs) - 1
        x = x.flatten(lead + len(first), last) if len(rest) > 1 else x
        return x.flatten(lead, lead + len(first) - 1) if len(first) > 1 else x


@dataclass(frozen=True)
class Undivide(Rearrangement):
    """What `Divide` divided in its order again; what it repeated is averaged."""

    divided: Divided

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.divided.whole, inputs[0].axes[-1])

    def label(self) -> str:
        return "undivide"

    @property
    def called(self) -> str:
        return "attention `over` some axes"

    def look(self, *inputs: Tensor) -> Look:
        return chip("back from", "·".join(self.divided.moved))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        lead, inside = len(self.divided.whole.batch), self.divided.inside
        pieces = _pieces(low, inputs[0], inside, lead + 1)
        pairs = zip(pieces, self.divided.whole.parts, strict=True)
        made = [self._back(low, piece, part) for (piece, _), part in pairs]
        shape = tuple(axis.size for axis in node.outputs[0].axes)
        return made[0] if len(made) == 1 else low.cat(made, str(lead), shape)

    def _back(self, low: Lowering, x: Value, part: Part) -> Value:
        """One part [B, m, n, d] as [B, its tokens, d]."""
        lead = len(self.divided.whole.batch)
        if self.divided.repeats(part):
            return x.reduce("mean", lead)
        runs = self.divided.runs(part)
        first = [at for at, (moves, _) in enumerate(runs) if moves]
        rest = [at for at, (moves, _) in enumerate(runs) if not moves]
        if len(rest) > 1:
            x = _unflattened(low, x, lead + 1, [runs[at][1] for at in rest])
        if len(first) > 1:
            x = _unflattened(low, x, lead, [runs[at][1] for at in first])
        if rest:
            order = [*first, *rest]
            x = _reordered(x, lead, [order.index(at) for at in range(len(order))])
        return x.flatten(lead, len(x.shape) - 2)


def _pieces(low: Lowering, x: Value, space: Space, axis: int) -> list[tuple[Value, Part]]:
    """The parts of a value, each with its axis of tokens."""
    if space.single:
        return [(x.new_axes("k" * axis + "1"), space.parts[0])]
    if len(space.parts) == 1:
        return [(x, space.parts[0])]
    found: list[tuple[Value, Part]] = []
    for part in space.parts:
        start = space.offset(part.name)
        stop = start + part.length
        begin = None if low.fixed(start) == 0 else low.number(start, "index")
        end = None if stop == space.length else low.number(stop, "index")
        found.append((x.narrow(axis, ex.Slice(begin, end), part.length), part))
    return found


def _unflattened(low: Lowering, x: Value, axis: int, sizes: Sequence[Dim]) -> Value:
    if len(sizes) < 2:
        return x
    texts = [ex.Name("-1") if at == 0 else low.number(n, "tokens") for at, n in enumerate(sizes)]
    return x.unflatten(axis, list(zip(texts, sizes, strict=True)))


def _reordered(x: Value, lead: int, order: Sequence[int]) -> Value:
    """The axes behind the batch in this order; two of them change places."""
    if list(order) == [1, 0]:
        return x.transpose(lead, lead + 1)
    last = len(x.shape) - 1
    return x.permute([*range(lead), *(lead + at for at in order), last])
