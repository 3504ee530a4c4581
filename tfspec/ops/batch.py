"""Values beside others that have more batch axes: learned tokens, which are the same in each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tfspec.graph.look import Look
from tfspec.graph.space import Axis
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Reach
from tfspec.ops.tokens import Rearrangement
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim

Batch = tuple[Axis, ...]


def joint(*tensors: Tensor) -> Batch | None:
    """The batch axes of all of them; None where no one of them has all, in the order of each."""
    widest = max((tensor.space.batch for tensor in tensors), key=len)
    own = [tensor.space.batch for tensor in tensors]
    return widest if all(batch == widest or _in_order(batch, widest) for batch in own) else None


def _in_order(batch: Batch, widest: Batch) -> bool:
    """Whether these axes are among the others, and stand in the same order there."""
    return batch == tuple(axis for axis in widest if axis in batch)


@dataclass(frozen=True)
class Repeat(Rearrangement):
    """The same along batch axes that it lacks: [..., n, d] -> [batch..., ..., n, d], a view."""

    reach: ClassVar[Reach] = "token"

    batch: Batch

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        axes = (*self.batch, *x.axes[len(x.space.batch) :])
        return Tensor(axes, replace(x.space, batch=self.batch), role=x.role)

    def label(self) -> str:
        return "repeat"

    def look(self, *inputs: Tensor) -> Look:
        return Look("repeat", form="quiet")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,), own = inputs, node.inputs[0].space.batch
        hint, kept = x.hint, ["k" if axis in own else "1" for axis in self.batch]
        if "k" in kept:  # axes that come before all others need no place
            x = x.new_axes("".join(kept))
        sizes: list[tuple[ex.Expr, Dim]] = [
            (ex.Name("-1") if axis in own else low.number(axis.size, "batch"), axis.size)
            for axis in self.batch
        ]
        rest = inputs[0].shape[len(own) :]
        repeated = x.expand([*sizes, *((ex.Name("-1"), size) for size in rest)])
        repeated.hint = hint
        return repeated


def repeated(x: Tensor, batch: Batch) -> Tensor:
    """The value with all of these batch axes."""
    return x if x.space.batch == batch else Repeat(batch)(x)


def broadcasts(x: Tensor, batch: Batch) -> bool:
    """Whether torch repeats it along the axes that it lacks: those before all others."""
    own = x.space.batch
    return own == batch[len(batch) - len(own) :]
