"""The knob `pos` of `attend`: what is added before queries and keys are made."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from pydantic import Field

from tfspec.spec.located import Located
from tfspec.spec.pipeline import Pipeline
from tfspec.spec.types import link


class AttendPos(Located):
    """Added before the query and key maps, not before the values' (Carion et al. 2020)."""

    called: ClassVar[str] = "`pos`"

    query: Pipeline | None = Field(None, description="added to what makes queries")
    key: Pipeline | None = Field(None, description="added to what makes keys")

    @classmethod
    def spread(cls, value: Any) -> Any:
        if isinstance(value, dict) and {"query", "key"} & value.keys():
            return cast("dict[str, Any]", value)
        return cast("dict[str, Any]", {"query": value, "key": value})

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [link("Pipeline")]
