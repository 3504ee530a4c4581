"""The step `linear`: a linear map of the features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.layers.base import Layer
from tfspec.ops import linear as ops
from tfspec.ops.pointwise import Learned
from tfspec.spec.parts import ShareField
from tfspec.spec.types import Flag, Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


class Linear(Layer):
    """A linear map of the features: `[..., width_in] -> [..., width]`; y = W·x + b.

    As the perceptron has it (Rosenblatt 1958).

    Weights: `weight [width, width_in]`, `bias [width]`.
    """

    step: ClassVar[str] = "linear"
    shorthand: ClassVar[str | None] = "width"

    width: Size = Field(description="features of the result")
    bias: Flag | None = Field(None, description="default: the block's, else true")
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(bias=bias)

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        width = g.fixed_size(self.width, x)
        biased = self.bias if self.bias is not None else g.defaults.bias is not False
        group = g.group(self.share, "linear", "weight", (width, x.width))
        shared, zero = self.share is not None, g.starts_at_zero("linear")
        if zero and self.share is not None:
            raise g.not_yet("a map that starts at 0 and shares its weights", self.share.span)
        y = ops.Linear(width, bias=biased and not shared, zero=zero)(x, group=group)
        if biased and shared:  # a bias stays the linear's own
            y = Learned("add", "feature", 0.0, "bias")(y, name=g.name("bias"))
        return y
