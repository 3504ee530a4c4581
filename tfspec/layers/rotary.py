"""The knob `rope` of `attend`: rotary positions."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from tfspec.spec.located import Located
from tfspec.spec.types import AxisNames, Flag, Rate


class Rope(Located):
    """Rotary positions of queries and keys (Su et al. 2021)."""

    called: ClassVar[str] = "`rope`"
    shorthand: ClassVar[str | None] = "base"

    base: Rate = Field(description="wavelengths grow from 2π to 2π·base")
    partial: Rate | None = Field(None, description="the share of head_dim that turns")
    interleaved: Flag | None = Field(None, description="pairs are neighbours, not halves")
    scaling: dict[str, Any] | None = Field(None, description="stretching for longer texts")
    over: AxisNames | None = Field(None, description="axes, each with features of its own: [H, W]")
