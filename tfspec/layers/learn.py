"""The sources `learn` and `zeros`: tokens that no input brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.graph.space import Axis, Part, Space
from tfspec.layers.base import Layer, Reads
from tfspec.ops import tokens as ops
from tfspec.spec.parts import ShareField
from tfspec.spec.pipeline import Source
from tfspec.spec.types import NewAxes, Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


class Learn(Layer):
    """Learned tokens: `-> [axes..., width]`; without axes, one token (Jaegle et al. 2021)."""

    step: ClassVar[str] = "learn"
    reads: ClassVar[Reads] = "nothing"

    axes: NewAxes | None = Field(None, description="the axes and their sizes: {R: 64}")
    width: Size = Field(description="features of a token")
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        axes = tuple(Axis(name, g.fixed_size(size)) for name, size in (self.axes or {}).items())
        width = g.fixed_size(self.width)
        part = Part(g.stream or "learned", axes)
        g.tokens(Space((), (part,)))
        shape = (part.length, width) if axes else (width,)
        group = g.group(self.share, "learn", "", shape)
        return ops.Learn(part, width)(group=group)


class Zeros(Layer):
    """Zeros, in the space of another value, or in a new one: `-> [axes..., width]`.

    As what object queries start from, before their positions are added (Carion et al. 2020).
    """

    step: ClassVar[str] = "zeros"
    reads: ClassVar[Reads] = "nothing"
    shorthand: ClassVar[str | None] = "like"

    like: Source | None = Field(None, description="the value whose space it has")
    axes: NewAxes | None = Field(None, description="the axes and their sizes: {R: 64}")
    width: Size | None = Field(None, description="features of a token")
