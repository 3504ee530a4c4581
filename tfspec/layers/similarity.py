"""The step `similarity`: every row with every row of another value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tfspec.diagnostics import Label, Rule
from tfspec.graph.tensor import Tensor
from tfspec.layers.base import Layer
from tfspec.layers.combine import vectors
from tfspec.layers.scale import positive_number
from tfspec.ops import similarity as ops
from tfspec.ops.pointwise import Learned
from tfspec.spec.located import Located
from tfspec.spec.pipeline import Pipeline, last_place
from tfspec.spec.types import Rate

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

TEMPERATURE = 0.07
"""By which CLIP divides similarities at first (Radford et al. 2021, section 2.5)."""
OTHER_WIDTH = Rule(
    "TS258",
    "rows that cannot be compared",
    "`similarity` is given rows of two widths.",
    "It sums products of their features, one by one.",
    "similarity: {to: image_vector}  # 512 features, to 768 of each image",
    "End one of the two with a `linear` map to the width of the other.",
)


class LearnedScale(Located):
    """A learned factor above 0, by its log (Radford et al. 2021, section 2.3)."""

    called: ClassVar[str] = "`scale`"
    shorthand: ClassVar[str | None] = "kind"

    kind: Literal["exp"] = Field("exp", description="exp of one learned number")
    start: Rate | None = Field(None, description="what the factor starts as; default 1 / 0.07")

    def log(self, g: Builder, x: Tensor) -> float:
        """What the learned number starts as."""
        start = 1 / TEMPERATURE
        if self.start is not None:
            start = positive_number(g, "start", self.start, x)
        return math.log(start)


class Similarity(Layer):
    """Every row with every row of another value: `[B, d], [B, d] -> [B, B]` (Radford et al. 2021).

    exp(scale)·(x · y) + bias, with a learned scale, and a learned bias (Zhai et al. 2023). Rows of
    the other value are those of its whole batch: `[..., d] -> [..., batch · tokens]`.
    """

    step: ClassVar[str] = "similarity"

    to: Pipeline = Field(description="the other value")
    scale: LearnedScale | None = Field(None, description="exp: a learned factor, by its log")
    bias: Rate | None = Field(
        None, description="start of one learned number that is added (Zhai et al. 2023)"
    )

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        other = vectors(g, "similarity", self.to, x)
        if not g.same(x.width, other.width):
            raise self._two_widths(g, x, other)
        if not (x.shape[:-1] and other.shape[:-1]):
            raise g.not_yet("`similarity` of a single row", self.name_span)
        found = ops.Similarity()(x, other)
        if self.scale is not None:
            log = self.scale.log(g, x)
            found = Learned("exp", "all", log, "scale")(found, name=g.name("scale"))
        if self.bias is not None:
            start = g.number(self.bias, x)
            found = Learned("add", "all", start, "bias")(found, name=g.name("bias"))
        return found

    def _two_widths(self, g: Builder, x: Tensor, other: Tensor) -> Exception:
        widths = g.facts.show(x.width), g.facts.show(other.width)
        message = f"`similarity` compares rows of one width, and these have {' and '.join(widths)}"
        label = Label(last_place(self.to), f"this is {g.shape(other)}")
        help = [f"end this one with `linear: {x.width.ascii()}`, for instance"]
        came = [Label(self.name_span, f"compared with {g.shape(x)}")]
        return g.refuse(OTHER_WIDTH, message, label, came=came, help=help)
