"""The first token, or the last, of which a condition is true: another one in every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfspec.graph.look import Look, chip
from tfspec.graph.mask import Mask
from tfspec.graph.space import Space
from tfspec.graph.tensor import Tensor, over
from tfspec.graph.trace import Node
from tfspec.ops.tokens import Rearrangement
from tfspec.program import conditions
from tfspec.program import expr as ex
from tfspec.program.kernels import GATHER
from tfspec.program.lowering import Lowering
from tfspec.program.saves import Keep, saves
from tfspec.program.value import Value


@dataclass(frozen=True)
class TakeFound(Rearrangement):
    """One token of each row: [batch..., N, d] -> [batch..., d].

    `flags` are the inputs that the condition reads, in its order. Where it is true of no token, the
    first one is taken.
    """

    space: Space
    which: Literal["first", "last"]
    condition: Mask
    flags: tuple[Tensor, ...]

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, inputs[0].axes[-1])

    def label(self) -> str:
        return f"take {self.which}({self.condition})"

    def look(self, *inputs: Tensor) -> Look:
        return chip("take", f"{self.which}({self.condition})")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        flags, length = low.roots_of(self.flags), node.inputs[0].space.length
        found = conditions.place(low, self.which, self.condition, length, flags)
        index = [*self._rows(low, node.inputs[0].space), found]
        expr = ex.Index(x.ref, tuple(each.ref for each in index))
        kept = saves(*map(Keep, index))
        return x.fresh(expr, (*x.shape[:-2], x.shape[-1]), kept, kernel=GATHER)

    def _rows(self, low: Lowering, space: Space) -> list[Value]:
        """The index of every row, of each batch axis apart, so that they broadcast together."""
        ranges = [low.range(axis.size, "rows") for axis in space.batch]
        later = range(len(ranges) - 1, -1, -1)
        return [
            each.new_axes("k" + "1" * after) if after else each
            for each, after in zip(ranges, later, strict=True)
        ]
