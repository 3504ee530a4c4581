"""The steps `merge` and `split`: tokens into features, and back. No weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.graph.space import Axis, Part
from tfspec.layers.base import Layer
from tfspec.layers.tiles import cut_axes, the_grid
from tfspec.ops import merge as ops
from tfspec.spec.types import AxisSizes
from tfspec.symbolic import Dim, product

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


class Merge(Layer):
    """Neighbours into features: `[..., H, W, c] -> [..., H/2, W/2, 2·2·c]` (Liu et al. 2021).

    The axes' order in `size` is the features' order, the first slowest, the old features fastest.
    """

    step: ClassVar[str] = "merge"
    shorthand: ClassVar[str | None] = "size"
    whole: ClassVar[bool] = True

    size: AxisSizes = Field(description="how many tokens of each axis make one: {H: 2, W: 2}")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        part = the_grid(g, "merge", x, self.size, self.name_span)
        tiles = cut_axes(g, x, part.axes, self.size, "blocks")
        axes = tuple(a.cut(tiles[a.name]) if a.name in tiles else a for a in part.axes)
        order = _order(part.axes, list(tiles))
        sizes = tuple(g.fixed(tiles[name], self.size.span_of(name)) for name in tiles)
        space = g.tokens(x.space.with_parts(Part(part.name, axes)))
        return ops.Merge(space, order, sizes)(x)


class Split(Layer):
    """Features into neighbours: `[..., H, W, p·p·c] -> [..., H·p, W·p, c]`.

    It undoes `merge` of the same sizes in the same order, as where patches become images again
    (Peebles and Xie 2022).
    """

    step: ClassVar[str] = "split"
    shorthand: ClassVar[str | None] = "size"
    whole: ClassVar[bool] = True

    size: AxisSizes = Field(description="how many tokens of each axis one becomes: {H: p, W: p}")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        part = the_grid(g, "split", x, self.size, self.name_span)
        sizes = {name: g.fixed_size(size, x) for name, size in self.size.items()}
        block = product(sizes.values())
        g.divides(block, x.width, self.name_span, partial(_uneven, g, x.width, block))
        axes = tuple(a.grown(sizes[a.name]) if a.name in sizes else a for a in part.axes)
        space = g.tokens(x.space.with_parts(Part(part.name, axes)))
        return ops.Split(space, _order(part.axes, list(sizes)), tuple(sizes.values()))(x)


def _uneven(g: Builder, width: Dim, block: Dim) -> str:
    blocks = f"blocks of {g.facts.show(block)} tokens"
    return f"width {g.facts.show(width)} cannot be split into {blocks}"


def _order(axes: tuple[Axis, ...], names: list[str]) -> tuple[int, ...]:
    """The places among the axes of these, in the order in which they are written."""
    own = [axis.name for axis in axes]
    return tuple(own.index(name) for name in names)
