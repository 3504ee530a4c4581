"""The step `sinusoid`: a number to sines and cosines."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tfspec.layers.base import Layer
from tfspec.spec.types import Size


class Sinusoid(Layer):
    """A number to sines and cosines: `[..., 1] -> [..., width]` (Vaswani et al. 2017)."""

    step: ClassVar[str] = "sinusoid"
    shorthand: ClassVar[str | None] = "width"

    width: Size = Field(description="features: half sines, half cosines")
