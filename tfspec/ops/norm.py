"""Normalisation of each feature vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tfspec.graph.look import Look
from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program import heads
from tfspec.program.kernels import Kernel
from tfspec.program.lowering import Lowering
from tfspec.program.program import Member
from tfspec.program.saves import LINEAR, Keep, Made, Saves, saves
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product

NAMES = {"layer": "LayerNorm", "rms": "RMSNorm", "l2": "L2 norm"}


@dataclass(frozen=True)
class Norm(Op):
    """Layer norm (Ba et al. 2016), RMS norm (Zhang and Sennrich 2019) or unit length.

    The gain is `offset` + weight, so that an offset of 1 learns the difference from 1.
    """

    reach: ClassVar[Reach] = "token"
    headwise: ClassVar[bool] = True

    kind: Literal["layer", "rms", "l2"]
    eps: float
    affine: bool = True
    bias: bool = True
    offset: float = 0
    role: str | None = None

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0], role=self.role)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        if self.kind == "l2" or not self.affine:
            return {}
        width = (inputs[0].width,)
        gain = (
            "" if self.offset else "weight"
        )  # torch has no module with an offset: a bare parameter
        specs = {gain: WeightSpec(width, 1.0 - self.offset)}
        biased = self.kind == "layer" and self.bias
        return specs | ({"bias": WeightSpec(width, 0.0)} if biased else {})

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # pointwise work and a reduction: no products

    def label(self) -> str:
        return "norm"

    def look(self, *inputs: Tensor) -> Look:
        return Look(NAMES[self.kind], "norm")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        inner = heads.inside(low, node, x)
        if inner is None:
            out = self._lowered(low, node, x)
        else:
            out = heads.before_tokens(self._lowered(low, node, inner))
        return out.named(self.role) if self.role else out

    def _lowered(self, low: Lowering, node: Node, x: Value) -> Value:
        if self.kind == "l2":
            options = (("dim", ex.Name("-1")), ("eps", ex.Name(repr(self.eps))))
            return x.pointwise(
                ex.Call(ex.Name("F.normalize"), (x.ref,), options), _unit(x), kernel=_lines(x)
            )
        if self.offset:
            return self._with_offset(low, node, x)
        if not node.group:
            return self._functional(low, x)
        make = ex.Call(ex.Name(self._module), (low.number(x.shape[-1], "width"),), self._options())
        holds = {name: (weight,) for name, weight in node.group.weights.items()}
        module = low.own(node.group, lambda name: Member(name, make, holds))
        if module is None:  # it lives outside, where another step of its share made it
            weights = (low.weight(node.group, attribute) for attribute in holds)
            return self._functional(low, x, *weights)
        kept = self._saves(low, x, own=True, trained=node.group.trained)
        return x.fresh(ex.Call(module, (x.ref,)), x.shape, kept)

    @property
    def _module(self) -> str:
        return "nn.LayerNorm" if self.kind == "layer" else "nn.RMSNorm"

    def _options(self) -> tuple[tuple[str, ex.Expr], ...]:
        default = self.kind == "layer" and self.eps == 1e-5
        options: list[tuple[str, ex.Expr]] = []
        if not default:
            options.append(("eps", ex.Number(self.eps, "eps")))
        if self.kind == "layer" and not self.bias:
            options.append(("bias", ex.FALSE))
        return tuple(options)

    def _functional(self, low: Lowering, x: Value, *weights: Value) -> Value:
        function = "F.layer_norm" if self.kind == "layer" else "F.rms_norm"
        size = ex.Tuple((low.number(x.shape[-1], "width"),))
        kept = self._saves(low, x, *weights[:1])
        eps = ex.Number(self.eps, "eps")
        return low.torch(function, x, size, *weights, eps=eps, shape=x.shape, saves=kept)

    def _saves(
        self, low: Lowering, x: Value, *gain: Value, own: bool = False, trained: bool = False
    ) -> Saves:
        """The input and two numbers a row, or one. A CPU computes RMS norm step by step, in fp32.

        `own`: the weights are a module's, and maybe `trained`.
        """
        rows, gpu = product(x.shape[:-1]), low.target.kind == "cuda"
        if self.kind == "layer":
            dtype = "float32" if gpu else "float"
            numbers = Made("mean and deviation", 2 * rows, dtype)
            return saves(Keep(x), numbers, *map(Keep, gain), learns=trained)
        rate = Made("inverse of the root mean square", rows, "float32", (x,))
        if gpu:
            return saves(Keep(x), rate, *map(Keep, gain), learns=trained)
        wide = Made("x in fp32", product(x.shape), "float32", (x,)) if low.half else Keep(x, (x,))
        if not gain and not trained:
            return Saves((wide, rate), weighs=own)
        scaled = Made("x before its gain", product(x.shape), "float32", gain)
        return saves(wide, rate, scaled, *(Keep(g, (x,)) for g in gain), learns=trained)

    def _with_offset(self, low: Lowering, node: Node, x: Value) -> Value:
        assert node.group is not None
        weight = low.parameter(node)
        expr = ex.Binary("+", weight.ref, ex.Number(self.offset, "offset"))
        gain = weight.pointwise(expr, LINEAR)
        return self._functional(low, x, gain)


def _lines(x: Value) -> Kernel:
    """Norms of rows, their bound, and a quotient that reads x and them: three kernels.

    Backward (derivatives.yaml: div, clamp_min, linalg_vector_norm): the quotient's gradient for x,
    two more quotients, a sign and a product for that of the bound, summed over rows; where the
    bound let it through, by flags, with a zero for the rest; x over its norm, where that is not 0,
    times it; and the sum of both gradients of x.
    """
    rows, size = product(x.shape[:-1]), product(x.shape)
    back = 16 * size + 8 * rows + 2
    return Kernel("pointwise", size + 4 * rows, back, back_flags=3 * rows, launches=3)


def _unit(x: Value) -> Saves:
    """x / max(|x|, eps): the norm before and after it is bounded."""
    rows = product(x.shape[:-1])
    return saves(Keep(x), Made("norm", rows), Made("bounded norm", rows))
