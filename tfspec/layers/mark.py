"""The step `mark`: a name for the value here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.layers.base import Layer
from tfspec.spec.types import Name

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


class Mark(Layer):
    """Lets others read the value here as `stream.name`: `[...] -> [...]`, unchanged.

    As features before the last layer (Liu et al. 2023, LLaVA).
    """

    step: ClassVar[str] = "mark"
    takes_unequal: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = "name"
    whole: ClassVar[bool] = True

    name: Name = Field(description="the name of the value here")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        g.values[f"{g.stream}.{self.name}"] = x
        return x
