"""Into heads and back: projections to queries, keys and values, and the join of their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look, chip
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Axis
from tfspec.graph.tensor import Tensor, features, over
from tfspec.graph.trace import Node, Op, Reach
from tfspec.ops.linear import apply_linear
from tfspec.program import expr as ex
from tfspec.program import heads
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class ToHeads(Op):
    """A linear map whose output is split into heads: [..., N, d] -> [..., heads, N, head_dim].

    A single token [..., d] is a row of one: [..., heads, 1, head_dim]. Maps that read one value
    share a matrix, but those that stand `alone`.
    """

    reach: ClassVar[Reach] = "token"

    heads: Dim
    head_dim: Dim
    bias: bool
    role: str
    alone: bool = False

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        (tokens,) = x.space.token_axes or (Axis("tokens", Dim.of(1)),)
        axes = (*x.space.batch, Axis("heads", self.heads), tokens, features(self.head_dim))
        return Tensor(axes, x.space, role=self.role)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        rows = self.heads * self.head_dim
        specs = {"weight": WeightSpec((rows, inputs[0].width), "linear")}
        return specs | ({"bias": WeightSpec((rows,), "bias")} if self.bias else {})

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return 2 * inputs[0].rows * inputs[0].width * self.heads * self.head_dim

    def label(self) -> str:
        return self.role

    def look(self, *inputs: Tensor) -> Look:
        return Look(
            self.role, "linear", ((inputs[0].width, " → ", self.heads, " × ", self.head_dim),)
        )

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        inner = split_heads(low, [node], inputs[0])
        return heads.before_tokens(inner).named(self.role)

    def fusion(self, node: Node) -> object | None:
        return None if self.alone else (ToHeads, self.bias, self.head_dim)

    def lower_fused(
        self, low: Lowering, nodes: Sequence[Node], *inputs: Value
    ) -> tuple[Value, ...]:
        joint = split_heads(low, nodes, inputs[0])
        ops = [node.op for node in nodes if isinstance(node.op, ToHeads)]
        sizes = [(low.number(op.heads, "heads"), op.heads) for op in ops]
        at, roles = len(joint.shape) - 3, [op.role for op in ops]
        if not any(heads.wait(low, node.outputs[0]) for node in nodes):
            return heads.before_tokens(joint).split(sizes, at, roles)
        parts = joint.split(sizes, at + 1, roles)
        return tuple(heads.before_tokens(part) for part in parts)


def split_heads(low: Lowering, nodes: Sequence[Node], x: Value) -> Value:
    """The nodes' maps of one value as one, split into heads: [..., N, d] -> [..., N, heads, k]."""
    return _unflattened(low, nodes[0], apply_linear(low, nodes, x))


def _unflattened(low: Lowering, node: Node, x: Value) -> Value:
    """[..., N, heads·k] -> [..., N, heads, k], as the node's result has them."""
    if node.inputs[0].space.single:
        x = x.new_axes("k" * (len(x.shape) - 1) + "1")
    width = node.outputs[0].width
    count = x.shape[-1].exact_div(width)
    return x.unflatten(-1, [(ex.Name("-1"), count), (low.number(width, "head_dim"), width)])


@dataclass(frozen=True)
class IntoHeads(Op):
    """Features in heads: [..., N, heads·k] -> [..., heads, N, k], as `ToHeads` has them."""

    reach: ClassVar[Reach] = "token"

    heads: Dim
    role: str

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        (tokens,) = x.space.token_axes or (Axis("tokens", Dim.of(1)),)
        width = features(x.width.exact_div(self.heads))
        axes = (*x.space.batch, Axis("heads", self.heads), tokens, width)
        return Tensor(axes, x.space, role=self.role)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a rearrangement

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a rearrangement

    def label(self) -> str:
        return f"{self.role} into heads"

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.role, "into heads")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return heads.before_tokens(_unflattened(low, node, inputs[0])).named(self.role)


@dataclass(frozen=True)
class JoinHeads(Op):
    """Heads side by side again: [..., h, N, k] -> [..., N, h·k]; of a single token [..., h·k]."""

    reach: ClassVar[Reach] = "token"

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,), (*_, heads, _, width) = inputs, inputs[0].axes
        return over(x.space, features(heads.size * width.size))

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a rearrangement

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a rearrangement

    def label(self) -> str:
        return "join heads"

    def look(self, *inputs: Tensor) -> Look:
        return chip("join heads")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,), at = inputs, len(inputs[0].shape) - 3
        if node.inputs[0].space.single:
            return x.flatten(at)
        return x.transpose(at, at + 1).flatten(at + 1)
