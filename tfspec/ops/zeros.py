"""Zeros: what tokens start from that get all they have from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Part, Space
from tfspec.graph.tensor import Tensor, features, over
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Zeros(Op):
    """Tokens of zeros, the same in every batch: -> [tokens, width], or [width] for one."""

    part: Part
    width: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(Space((), (self.part,)), features(self.width))

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a constant

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a constant

    def label(self) -> str:
        return self.part.name

    def look(self, *inputs: Tensor) -> Look:
        return Look(self.part.name, "embed", (("zeros",),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        shape = node.outputs[0].shape
        sizes = tuple(low.number(size, "width") for size in shape)
        made = low.buffer("zeros", ex.Call(ex.Name("torch.zeros"), sizes), shape)
        return made.named(self.part.name)


@dataclass(frozen=True)
class ZerosLike(Op):
    """Zeros in the space of a value: [..., width] -> [..., width]."""

    reach: ClassVar[Reach] = "token"
    shape_only: ClassVar[bool] = True

    def infer(self, *inputs: Tensor) -> Tensor:
        return Tensor(inputs[0].axes, inputs[0].space)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a constant

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a constant

    def label(self) -> str:
        return "zeros"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Zeros", "embed")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        return x.fresh(ex.Call(ex.Name("torch.zeros_like"), (x.ref,)), x.shape, NO_GRADIENT)
