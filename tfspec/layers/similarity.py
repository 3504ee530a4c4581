"""The step `similarity`: every row with every row of another value."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tfspec.layers.base import Layer
from tfspec.spec.pipeline import Pipeline
from tfspec.spec.types import Flag


class Similarity(Layer):
    """Every row with every row of another value: `[B, d], [B, d] -> [B, B]` (Radford et al. 2021).

    exp(scale)·(x · y) + bias, with a learned scale and bias.
    """

    step: ClassVar[str] = "similarity"

    to: Pipeline = Field(description="the other value")
    scale: Literal["exp"] | None = Field(None, description="exp: a learned factor, by its log")
    bias: Flag | None = Field(None, description="whether one learned number is added")
