"""Biases of attention scores: one number for each head, query and key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look, chip
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Axis, Space
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class PairBias(Op):
    """What biases have in common: they read positions alone, and are [h, N, N] over a space."""

    reach: ClassVar[Reach] = "text"
    told: ClassVar[str] = "relative bias"
    """What a figure calls it, in the attention whose scores it changes."""

    heads: Dim
    space: Space

    @property
    def length(self) -> Dim:
        """How many tokens ask, and are asked."""
        return self.space.length

    def infer(self, *inputs: Tensor) -> Tensor:
        tokens = self.space.token_axes[0]
        axes = (Axis("heads", self.heads), tokens, tokens)
        return Tensor(axes, Space((), self.space.parts), role="bias")

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # looked up or read off positions: no products of matrices

    def look(self, *inputs: Tensor) -> Look:
        return Look(self.told, "attention")


@dataclass(frozen=True)
class AddBias(Op):
    """scores + bias: [..., h, N, M] and [h, N, M] -> [..., h, N, M]."""

    reach: ClassVar[Reach] = "text"

    def infer(self, *inputs: Tensor) -> Tensor:
        return Tensor(inputs[0].axes, inputs[0].space, role="scores")

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # the bias has its own

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # pointwise: counted in bytes

    def label(self) -> str:
        return "+ bias"

    def look(self, *inputs: Tensor) -> Look:
        return chip("+ bias")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        scores, bias = inputs
        return (scores + bias).named(scores.hint or "scores")
