"""The step `patch`: exact tiles of a grid to tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.graph.space import Part
from tfspec.layers.base import Layer
from tfspec.layers.tiles import cut_axes, moved_over
from tfspec.ops import patch as ops
from tfspec.spec.types import AxisSizes, Flag, Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


class Patch(Layer):
    """Exact tiles to tokens: `[..., H, W, c] -> [..., H/p, W/p, width]` (Dosovitskiy et al. 2020).

    One linear map of the p·p·c numbers of a tile; each size must divide its axis. Axes without a
    size stay as they are: patches of every frame of a video.
    """

    step: ClassVar[str] = "patch"

    size: AxisSizes = Field(description="the tile's size along each axis: {H: p, W: p}")
    width: Size = Field(description="features of a token")
    bias: Flag | None = Field(None, description="default true")

    takes_raw: ClassVar[bool] = True

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(bias=True)

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        part = moved_over(g, "patch", x, self.size, self.name_span, "to cut")
        tiles = cut_axes(g, x, part.axes, self.size, "patches")
        axes = tuple(a.cut(tiles[a.name]) if a.name in tiles else a for a in part.axes)
        sizes = (g.fixed(tiles[a.name], self.size.span_of(a.name)) for a in axes if a.name in tiles)
        space = g.tokens(x.space.with_parts(Part(g.stream or "patches", axes)))
        op = ops.Patch.of(space, tuple(sizes), g.fixed_size(self.width, x), self.bias is not False)
        return op(x, name=g.name("patch"))
