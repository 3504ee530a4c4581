"""Modulation: factors and terms for every feature, which a conditioning vector decides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tfspec.graph.look import Look
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node
from tfspec.ops.linear import Linear
from tfspec.ops.pointwise import Multiply, Pointwise
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.saves import LINEAR
from tfspec.program.value import Value

Role = Literal["shift", "scale", "gate"]


@dataclass(frozen=True)
class Condition(Linear):
    """What a conditioning vector says of every feature, as its `role`: a linear map of it.

    Those of a block that read one vector are one matrix, `modulation`. `zero`: it starts at 0, so
    that a gate closes its branch and a norm is not modulated (Peebles and Xie 2022, adaLN-Zero).
    """

    def label(self) -> str:
        return str(self.role)

    def look(self, *inputs: Tensor) -> Look:
        return replace(super().look(*inputs), aside=True)

    def fusion(self, node: Node) -> object | None:
        return (Condition, self.bias, self.zero)

    def joint_name(self, low: Lowering, node: Node) -> str | None:
        """`modulation`, behind what stands before the role in its own name."""
        assert node.group is not None
        stem = node.group.base.removesuffix(str(self.role))
        return low.joint_name(node.group, f"{stem}modulation")


@dataclass(frozen=True)
class Modulate(Pointwise):
    """x · (1 + scale) + shift: [..., N, d], with scale and shift [..., d] or one a token.

    Source: Perez et al. 2018 (FiLM), equation 2, with the factor as a difference from 1; behind a
    norm as by Peebles and Xie 2022, section 3.2.
    """

    def label(self) -> str:
        return "modulate"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Scale, shift", "linear")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        x, shift, scale = inputs
        shift, scale = (_along(node, y, at) for at, y in ((1, shift), (2, scale)))
        factor = scale.pointwise(ex.Binary("+", ex.Name("1"), scale.ref), LINEAR)
        # both have names so that the formula stands on a line of its own
        return (x.named("y") * factor + shift).named("y")


@dataclass(frozen=True)
class Gate(Multiply):
    """f · gate: [..., N, d], with a gate [..., d] or one a token (Peebles and Xie 2022)."""

    def label(self) -> str:
        return "gate"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Gate", "linear")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        f, gate = inputs
        return _along(node, gate, 1) * f


def _along(node: Node, y: Value, at: int) -> Value:
    """A vector for each sample, to be repeated along the tokens; others broadcast as they are."""
    (x, space) = node.inputs[0].space, node.inputs[at].space
    one_a_sample = space.single and space.batch and not x.single
    return y.new_axes("k" * len(space.batch) + "1") if one_a_sample else y
