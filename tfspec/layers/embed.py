"""The step `embed`: ids to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.construct.stop import Stop
from tfspec.layers.base import Layer, TensorKind
from tfspec.ops import embed as ops
from tfspec.spec.parts import ShareField
from tfspec.spec.types import Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


class Embed(Layer):
    """Ids to vectors: `[...]` of ids below V `-> [..., width]` (Bengio et al. 2003).

    Weights: `weight [V, width]`.
    """

    step: ClassVar[str] = "embed"
    shorthand: ClassVar[str | None] = "width"

    width: Size = Field(description="features of a vector")
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    takes: ClassVar[TensorKind | None] = "ids"

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if x.vocabulary is None:  # reported where the input is declared
            raise Stop
        width = g.fixed_size(self.width)
        count = g.fixed(x.vocabulary, self.name_span)
        group = g.group(self.share, "embed", "weight", (count, width))
        return ops.Embed(count, width)(x, group=group)
