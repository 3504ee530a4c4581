"""The step `par`: branches of a block that all read the value at entry."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tfspec.layers.base import Layer
from tfspec.spec.pipeline import Pipelines


class Par(Layer):
    """Branches that all read the value at entry, each with its own norm: `[...] -> [...]`.

    x + f(norm(x)) + g(norm(x)) (Wang and Komatsuzaki 2021; Chowdhery et al. 2022).
    """

    step: ClassVar[str] = "par"
    shorthand: ClassVar[str | None] = "branches"
    whole: ClassVar[bool] = True

    branches: Pipelines = Field(description="the branches")
