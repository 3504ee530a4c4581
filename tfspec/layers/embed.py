"""The step `embed`: ids to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.construct.stop import Stop
from tfspec.layers.base import Layer, TensorKind
from tfspec.layers.named_axes import named_axes
from tfspec.ops import embed as ops
from tfspec.spec.parts import ShareField
from tfspec.spec.types import AxisNames, Size
from tfspec.symbolic import product

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.space import Axis
    from tfspec.graph.tensor import Tensor


class Embed(Layer):
    """Ids to vectors: `[...]` of ids below V `-> [..., width]` (Bengio et al. 2003).

    Weights: `weight [V, width]`; with `per: [D]` `[D·V, width]`, one table below the other, and
    an id at place k of D has row k·V + id.
    """

    step: ClassVar[str] = "embed"
    shorthand: ClassVar[str | None] = "width"

    width: Size = Field(description="features of a vector")
    per: AxisNames | None = Field(
        None,
        description="axes whose places have tables of their own: levels of a path (Li et al. "
        "2022), codebooks of a sound (Copet et al. 2023)",
    )
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    takes: ClassVar[TensorKind | None] = "ids"

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if x.vocabulary is None:  # reported where the input is declared
            raise Stop
        width = g.fixed_size(self.width)
        count = g.fixed(x.vocabulary, self.name_span)
        axes = self._axes(g, x)
        rows = product(axis.size for axis in axes) * count
        group = g.group(self.share, "embed", "weight", (rows, width))
        op = ops.EmbedByPlace(count, width, axes) if axes else ops.Embed(count, width)
        return op(x, group=group)

    def _axes(self, g: Builder, x: Tensor) -> tuple[Axis, ...]:
        """Those of `per`, each of one length: a table is made once."""
        names, every = self.per or (), (axis for part in x.space.parts for axis in part.axes)
        axes = named_axes(g, every, names, "per", "the ids here have")
        for axis, name in zip(axes, names, strict=True):
            g.fixed(axis.size, name.span)
        return axes
