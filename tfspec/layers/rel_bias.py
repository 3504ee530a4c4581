"""The knob `rel_bias` of `attend`: a learned score for every distance."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tfspec.spec.located import Located
from tfspec.spec.parts import ShareField
from tfspec.spec.types import AxisNames, Size


class RelBias(Located):
    """A learned bias by relative position: 2·extent - 1 an axis, or in buckets (T5)."""

    called: ClassVar[str] = "`rel_bias`"
    shorthand: ClassVar[str | None] = "axes"

    axes: AxisNames | None = Field(None, description="axes with a bias for every distance")
    buckets: Size | None = Field(None, description="number of buckets of distances")
    max: Size | None = Field(None, description="the distance from which all share one bucket")
    share: ShareField | None = Field(None, description="weights of this name are the same weights")
