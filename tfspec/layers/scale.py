"""The steps `scale` and `softcap`: constant factors and bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.diagnostics import Rule
from tfspec.graph.rates import Rate, every
from tfspec.layers.base import Layer
from tfspec.ops import pointwise as ops
from tfspec.spec.expression import RateExpr
from tfspec.spec.tree import filled
from tfspec.spec.types import Rate as RateField

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


NOT_ABOVE_ZERO = Rule(
    "TS227",
    "a number that is not above 0",
    "A `softcap`, a `base` of positions or a factor of their `scaling` is 0 or less.",
    "Something is divided by it, or by powers of it.",
    "softcap: 0",
    "Give a number above 0, or leave the knob out.",
)


class Scale(Layer):
    """A constant factor: `[..., width] -> [..., width]`; v·factor (Vaswani et al. 2017)."""

    step: ClassVar[str] = "scale"
    keeps_shape: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = "factor"

    factor: RateField = Field(description="the factor, an expression such as d ** 0.5")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        return scaled(g, self.factor, x)


class Softcap(Layer):
    """A smooth bound: `[..., width] -> [..., width]`; tanh(v / cap)·cap (Gemma Team 2024)."""

    step: ClassVar[str] = "softcap"
    keeps_shape: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = "cap"

    cap: RateField = Field(description="the bound: what comes out is between -cap and cap")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        return ops.Softcap(positive(g, "softcap", self.cap, x))(x)


def scaled(g: Builder, factor: RateExpr, x: Tensor) -> Tensor:
    """x times a constant of the spec, which each layer may have its own of."""
    value = g.rate(factor, x)
    if "i" in factor.names:
        return ops.Scale(value)(x)
    if g.depth is not None and g.depth.total is not None:
        factor = replace(factor, tree=filled(factor.tree, {"n": g.depth.total}))
    return ops.Scale(factor)(x)


def positive_number(g: Builder, knob: str, rate: RateExpr, x: Tensor) -> float:
    """A number above 0, the same in every layer, or the spec is refused."""
    positive(g, knob, rate, x)
    return g.number(rate, x)


def positive(g: Builder, knob: str, rate: RateExpr, x: Tensor) -> Rate:
    """A rate above 0 in every layer, or the spec is refused."""
    value = g.rate(rate, x)
    if min(every(value)) <= 0:
        message = f"`{knob}` is a number above 0, and {min(every(value)):g} is not"
        raise g.refuse(NOT_ABOVE_ZERO, message, rate.span)
    return value
