"""Exact tiles of a grid as tokens: the patch embedding of ViT (Dosovitskiy et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfspec.graph.look import Look, between
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Space
from tfspec.graph.tensor import Tensor, features, over
from tfspec.graph.trace import Node, Op
from tfspec.program import expr as ex
from tfspec.program.kernels import CONVOLUTION
from tfspec.program.lowering import Lowering
from tfspec.program.program import Member
from tfspec.program.saves import Keep, saves
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class Patch(Op):
    """A convolution whose stride is its size: [B, C, H, W] -> [B, (H/p)·(W/p), width]."""

    space: Space
    sizes: tuple[Dim, ...]
    width: Dim
    bias: bool

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, features(self.width))

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        channels = inputs[0].shape[len(self.space.batch)]
        specs = {"weight": WeightSpec((self.width, channels, *self.sizes), "linear")}
        return specs | ({"bias": WeightSpec((self.width,), "bias")} if self.bias else {})

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        channels = inputs[0].shape[len(self.space.batch)]
        return 2 * outputs[0].elements * channels * product(self.sizes)

    def label(self) -> str:
        return "patch"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Patch embedding", "embed", ((*between(" × ", self.sizes), " patches"),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        assert node.group is not None
        make = ex.Call(
            ex.Name(f"nn.Conv{len(self.sizes)}d"), self._sizes(low, x), self._options(low)
        )
        holds = {name: (weight,) for name, weight in node.group.weights.items()}
        module = low.own(node.group, lambda name: Member(name, make, holds))
        assert module is not None
        grid = [axis.size for axis in self.space.parts[0].axes]
        shape = (*x.shape[:1], self.width, *grid)
        kept = saves(Keep(x), learns=True)
        y = x.fresh(ex.Call(module, (x.ref,)), shape, kept, kernel=CONVOLUTION)
        return y.flatten(2).transpose(1, 2)

    def _sizes(self, low: Lowering, x: Value) -> tuple[ex.Expr, ...]:
        return (
            low.number(x.shape[1], "channels"),
            low.number(self.width, "width"),
            self._kernel(low),
        )

    def _kernel(self, low: Lowering) -> ex.Expr:
        sizes = [low.number(size, "size") for size in self.sizes]
        same = len({low.fixed(size) for size in self.sizes}) == 1
        return sizes[0] if same else ex.Tuple(tuple(sizes))

    def _options(self, low: Lowering) -> tuple[tuple[str, ex.Expr], ...]:
        stride = ("stride", self._kernel(low))
        return (stride,) if self.bias else (stride, ("bias", ex.FALSE))
