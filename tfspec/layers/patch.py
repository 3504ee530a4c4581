"""The step `patch`: exact tiles of a grid to tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.graph.space import Axis, Part
from tfspec.layers.base import Layer
from tfspec.layers.tiles import check_axes, cut_axes
from tfspec.ops import patch as ops
from tfspec.spec.types import AxisSizes, Flag, Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


class Patch(Layer):
    """Exact tiles to tokens: `[..., H, W, c] -> [..., H/p, W/p, width]` (Dosovitskiy et al. 2020).

    One linear map of the p·p·c numbers of a tile; each size must divide its axis.
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
        axes = self._grid(g, x)
        tiles = cut_axes(g, x, axes, self.size, "patches")
        sizes = [g.fixed(tiles[axis.name], self.size.span_of(axis.name)) for axis in axes]
        tiled = tuple(axis.cut(tiles[axis.name]) for axis in axes)
        space = g.tokens(x.space.with_parts(Part(g.stream or "patches", tiled)))
        op = ops.Patch(space, tuple(sizes), g.fixed_size(self.width), self.bias is not False)
        return op(x, name=g.name("patch"))

    def _grid(self, g: Builder, x: Tensor) -> tuple[Axis, ...]:
        """The axes that are cut, in the tensor's order, of an input as convolutions take it."""
        part = x.space.parts[0]
        names = [axis.name for axis in part.axes]
        check_axes(g, x, self.size)
        lead = len(x.space.batch)
        image = x.raw and x.axes[lead].name == "width" and lead == 1
        if not image or len(x.space.parts) > 1 or set(self.size) != set(names) or len(names) > 3:
            what = "a patch of anything but a whole [batch, channels, grid] input"
            raise g.not_yet(what, self.name_span, self._as_image(x, names))
        return part.axes

    def _as_image(self, x: Tensor, names: list[str]) -> list[str]:
        """How the input is declared or read so that it can be cut."""
        if not x.raw:
            return ["let `patch` be the first step after the input"]
        if any(axis.name == "width" for axis in x.axes) and set(self.size) != set(names):
            return [f"give a size along every axis: {', '.join(names)}"]
        batch = " ".join(axis.name for axis in x.space.batch)
        return [f"declare it as `float {batch} (C) {' '.join(self.size)}`, C being its channels"]
