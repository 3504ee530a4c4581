"""Tokens that are chosen by data: others in every row of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, Literal

from tfspec.graph.look import Look, chip
from tfspec.graph.mask import Mask
from tfspec.graph.space import Axis, Space
from tfspec.graph.tensor import Tensor, over
from tfspec.graph.trace import Node
from tfspec.ops.tokens import Rearrangement
from tfspec.program import conditions
from tfspec.program import expr as ex
from tfspec.program.kernels import GATHER
from tfspec.program.lowering import Lowering
from tfspec.program.saves import Keep, saves
from tfspec.program.value import Value, broadcast


@dataclass(frozen=True)
class Chosen(Rearrangement):
    """Tokens by their place in the row: [batch..., N, d] -> [batch..., d], or [batch..., n, d]."""

    space: Space

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, inputs[0].axes[-1])

    def picked(self, low: Lowering, of: Space, x: Value, places: Value) -> Value:
        """x[rows, places]: the places broadcast with the rows that the value's batch has."""
        index = [*self._rows(low, of.batch), places]
        expr = ex.Index(x.ref, tuple(each.ref for each in index))
        shape = reduce(broadcast, [each.shape for each in index])
        kept = saves(*map(Keep, index))
        return x.fresh(expr, (*shape, x.shape[-1]), kept, kernel=GATHER)

    def _rows(self, low: Lowering, batch: Sequence[Axis]) -> list[Value]:
        """The index of every row, of each batch axis apart, so that they broadcast together."""
        every = (*self.space.batch, *self.space.token_axes)
        later = [len(every) - 1 - every.index(axis) for axis in batch]
        ranges = [low.range(axis.size, "rows") for axis in batch]
        return [
            each.new_axes("k" + "1" * after) if after else each
            for each, after in zip(ranges, later, strict=True)
        ]


@dataclass(frozen=True)
class TakeFound(Chosen):
    """One token of each row, the first or last of which a condition is true: -> [batch..., d].

    `flags` are the inputs that the condition reads, in its order. Where it is true of no token, the
    first one is taken.
    """

    which: Literal["first", "last"]
    condition: Mask
    flags: tuple[Tensor, ...]

    def label(self) -> str:
        return f"take {self.which}({self.condition})"

    def look(self, *inputs: Tensor) -> Look:
        return Look((f"take {self.which}(", *self.condition.knob, ")"), form="chip")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        flags, space = low.roots_of(self.flags), node.inputs[0].space
        found = conditions.place(low, self.which, self.condition, space.length, flags)
        return self.picked(low, space, inputs[0], found)


@dataclass(frozen=True)
class TakeAt(Chosen):
    """The tokens at positions that an input has: [batch..., N, d], [batch..., n] -> [..., n, d].

    Positions run over all tokens of all parts. Either operand may lack batch axes of the other: it
    is the same along them.
    """

    says_where: ClassVar[int | None] = 1

    name: str

    @property
    def looks_ahead(self) -> bool:
        return True

    def label(self) -> str:
        return f"take {self.name}"

    @property
    def called(self) -> str:
        return f"`take: {self.name}`"

    def look(self, *inputs: Tensor) -> Look:
        return chip("take", self.name)

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        x, places = inputs
        own, ours = node.inputs[1].space.batch, self.space.batch
        lacks = "".join("k" if axis in own else "1" for axis in ours).lstrip("1")
        places = places.new_axes(lacks) if "1" in lacks else places
        return self.picked(low, node.inputs[0].space, x, places)
