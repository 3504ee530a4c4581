"""The knobs `latent` and `pos` of `attend`, that change what makes queries and keys."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from pydantic import Field

from tfspec.spec.located import Located
from tfspec.spec.pipeline import Pipeline
from tfspec.spec.types import Size, link


class Latent(Located):
    """Low-rank queries, keys and values (DeepSeek-AI 2024)."""

    called: ClassVar[str] = "`latent`"

    q: Size | None = Field(None, description="width of the queries' latent")
    kv: Size = Field(description="width of the latent of keys and values")
    rope: Size | None = Field(None, description="features of a head that turn, beside head_dim")


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
