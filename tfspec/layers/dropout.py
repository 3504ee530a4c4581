"""The step `dropout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.diagnostics import Rule
from tfspec.graph.rates import PerLayer, Rate, every
from tfspec.layers.base import Layer
from tfspec.ops import pointwise as ops
from tfspec.spec.expression import RateExpr
from tfspec.spec.types import Rate as RateField

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

BAD_RATE = Rule(
    "TS217",
    "a dropout rate that is none",
    "A rate of dropout or drop path is negative, or 1 or more, in some layer.",
    "It is the share of numbers, or of branches, that become 0; the rest is scaled by "
    "1 / (1 - rate).",
    "dropout: 1.5",
    "Give a rate from 0 to less than 1.",
)


class Dropout(Layer):
    """In training, zeros at this rate: `[...] -> [...]` (Srivastava et al. 2014).

    x·m / (1 - rate), where m is 0 at the rate and else 1; x elsewhere than in training.
    """

    step: ClassVar[str] = "dropout"
    keeps_shape: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = "rate"

    rate: RateField = Field(description="how often a number becomes 0")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        return dropped(g, self.rate, x)


def dropped(g: Builder, rate: RateExpr | None, x: Tensor) -> Tensor:
    """x with dropout, or x as it is where no rate is given."""
    p = 0.0 if rate is None else checked_rate(g, rate, x)
    return ops.Dropout(p)(x) if p else x


def branch_dropped(g: Builder, rate: RateExpr | None, x: Tensor) -> Tensor:
    """A branch x with drop path, or as it is where no rate is given."""
    p = 0.0 if rate is None else checked_rate(g, rate, x, "a rate of drop path")
    return ops.DropPath(p)(x) if p else x


def checked_rate(g: Builder, rate: RateExpr, x: Tensor, what: str = "a dropout rate") -> Rate:
    """A rate from 0 to less than 1 in every layer, or the spec is refused."""
    p = g.rate(rate, x)
    layers = p.layers if isinstance(p, PerLayer) else [None]
    for value, layer in zip(every(p), layers, strict=True):
        if not 0 <= value < 1:
            found = f"{value:g} is not" if layer is None else f"in layer {layer} it is {value:g}"
            message = f"{what} is from 0 to less than 1, and {found}"
            help = [] if layer is None else ["`i / (n - 1)` grows from 0 to 1 over the layers"]
            raise g.refuse(BAD_RATE, message, rate.span, help=help)
    return p
