"""The steps `merge` and `split`: tokens into features, and back. No weights."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tfspec.layers.base import Layer
from tfspec.spec.types import AxisSizes


class Merge(Layer):
    """Neighbours into features: `[..., H, W, c] -> [..., H/2, W/2, 2·2·c]` (Liu et al. 2021)."""

    step: ClassVar[str] = "merge"
    shorthand: ClassVar[str | None] = "size"
    whole: ClassVar[bool] = True

    size: AxisSizes = Field(description="how many tokens of each axis make one: {H: 2, W: 2}")


class Split(Layer):
    """Features into neighbours: `[..., H, W, p·p·c] -> [..., H·p, W·p, c]`."""

    step: ClassVar[str] = "split"
    shorthand: ClassVar[str | None] = "size"
    whole: ClassVar[bool] = True

    size: AxisSizes = Field(description="how many tokens of each axis one becomes: {H: p, W: p}")
