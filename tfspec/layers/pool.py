"""The step `pool`: one token for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field

from tfspec.graph.space import Part
from tfspec.layers.base import Layer
from tfspec.ops import tokens as ops
from tfspec.spec.located import mistyped, only, unknown_choice
from tfspec.spec.types import AxisNames

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

_KINDS = ["mean", "max"]


class Pool(Layer):
    """The mean or maximum over tokens: `[..., N, width] -> [..., width]` (Lin et al. 2013).

    Over all tokens of all parts, or over some axes, which go.
    """

    step: ClassVar[str] = "pool"

    kind: Literal["mean", "max"] = Field(description="mean or max")
    axes: AxisNames | None = Field(
        None, description="axes that are pooled and go; default: all tokens (Arnab et al. 2021)"
    )

    @classmethod
    def spread(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in _KINDS:
                raise unknown_choice(value, _KINDS)
            return only("kind", value)
        given = cast("dict[str, Any]", value if isinstance(value, dict) else {})
        if len(given) != 1:
            wanted = "takes `mean`, `max` or one of them with axes"
            raise mistyped(value if given or not isinstance(value, dict) else None, wanted)
        (kind, axes), *_ = given.items()
        if kind not in _KINDS:
            raise unknown_choice(kind, _KINDS)
        knobs = only("kind", kind)
        knobs.update(only("axes", axes))
        return knobs

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        axes = properties["axes"]
        mapping = dict.fromkeys(_KINDS, axes)
        return [
            {"enum": _KINDS},
            {
                "type": "object",
                "properties": mapping,
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]

    whole: ClassVar[bool] = True

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if self.axes is not None:
            raise g.not_yet("`pool` over some axes", self.span_of("axes"))
        part = Part(g.stream or "pooled")
        if x.space.single:
            return x.renamed(part.name)
        return ops.Pool(x.space.with_parts(part), self.kind)(x)
