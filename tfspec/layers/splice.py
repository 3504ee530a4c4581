"""The step `splice`: some tokens replaced."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tfspec.layers.base import Layer
from tfspec.spec.pipeline import Pipeline
from tfspec.spec.types import PredicateField


class Splice(Layer):
    """Replaces tokens where true: by one token repeated, or by another value's tokens in order."""

    step: ClassVar[str] = "splice"
    keeps_shape: ClassVar[bool] = True

    at: PredicateField = Field(description="which tokens: tokens == slot")
    source: Pipeline = Field(alias="from", description="what stands there instead")
