"""The step `conv`: a convolution along axes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tfspec.layers.base import Layer
from tfspec.spec.types import AxisCounts, AxisSizes, Flag, Size


class Conv(Layer):
    """A convolution: an axis of L becomes (L + 2·pad - size) // stride + 1, features `width`."""

    step: ClassVar[str] = "conv"

    size: AxisSizes = Field(description="the kernel's size along each axis: {T: 3}")
    stride: AxisSizes | None = Field(None, description="step along each axis, default 1")
    pad: AxisCounts | None = Field(None, description="zeros at each end of an axis, default 0")
    width: Size = Field(description="features of the result")
    bias: Flag | None = Field(None, description="default true")
