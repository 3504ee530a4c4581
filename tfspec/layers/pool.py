"""The step `pool`: one token for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field

from tfspec.graph.space import Axis, Part
from tfspec.layers.base import Layer
from tfspec.layers.named_axes import named_axes
from tfspec.ops import tokens as ops
from tfspec.ops.grids import PoolAxes
from tfspec.spec.located import mistyped, only, unknown_choice
from tfspec.spec.types import AxisNames
from tfspec.spec.wrong import Wrong

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

_KINDS = ["mean", "max"]


class Pool(Layer):
    """The mean or maximum over tokens: `[..., N, width] -> [..., width]` (Lin et al. 2013).

    Over all tokens of all parts, or over some axes, which go: `{mean: [H, W]}` makes one token of
    each frame of a video, `[..., F·H·W, width] -> [..., F, width]`.
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
                raise _no_kind(value)
            return only("kind", value)
        given = cast("dict[str, Any]", value if isinstance(value, dict) else {})
        if len(given) != 1:
            wanted = "takes `mean`, `max` or one of them with axes"
            raise mistyped(value if value != {} else None, wanted, _with_axes(value))
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
        gone = self._gone(g, x)
        part = Part(g.stream or "pooled")
        if x.space.single:
            return x.renamed(part.name)
        if gone:
            left = replace(x.space.parts[0], axes=_without(x.space.parts[0].axes, gone))
            if left.axes:
                return PoolAxes(g.tokens(x.space.with_parts(left)), self.kind, gone)(x)
        return ops.Pool(x.space.with_parts(part), self.kind)(x)

    def _gone(self, g: Builder, x: Tensor) -> tuple[Axis, ...]:
        """The axes that go, where not all do."""
        if self.axes is None:
            return ()
        part, *others = x.space.parts
        if others:
            help = ["`take` one of them first"]
            raise g.not_yet("`pool` over axes of one of several parts", self.span_of("axes"), help)
        return named_axes(g, part.axes, self.axes, "pool", "the value here has")


def _with_axes(value: Any) -> tuple[str, ...]:
    """What helps where axes stand without what is made of them, or both are asked for at once."""
    axes = cast("list[Any]", value if isinstance(value, list) else [])
    if axes and all(isinstance(each, str) for each in axes):
        return (f"over axes: `{{mean: [{', '.join(axes)}]}}`",)
    return ("write a step for each",) if isinstance(value, dict) and value else ()


def _no_kind(word: str) -> Wrong:
    """A word that is no kind: where none is near, it may be an axis."""
    (found,) = unknown_choice(word, _KINDS).diagnostics
    help = found.help or (f"over an axis `{word}`: `{{mean: {word}}}`",)
    return Wrong((replace(found, help=help),), names_knob=False)


def _without(axes: Sequence[Axis], gone: Sequence[Axis]) -> tuple[Axis, ...]:
    return tuple(axis for axis in axes if axis not in gone)
