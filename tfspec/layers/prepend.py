"""The step `prepend`: learned tokens in front."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import Field

from tfspec.diagnostics import Rule, Span
from tfspec.graph.space import Axis, Part
from tfspec.layers.base import Layer
from tfspec.ops import tokens as ops
from tfspec.spec.expression import SizeExpr
from tfspec.spec.located import mistyped
from tfspec.spec.types import NAME, Parsed, check_name, check_size, each_of
from tfspec.spec.wrong import NOWHERE, Wrong

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

TAKEN_PART = Rule(
    "TS219",
    "two parts of one name",
    "`prepend` adds a part under a name that a part of the value has.",
    "Parts are spoken of by their names.",
    "[{prepend: cls}, {prepend: cls}]",
    "Give the new part another name.",
)


@dataclass(frozen=True, slots=True)
class Prepended:
    """One token `cls`, or `count` tokens on an axis of the part's own name: `{reg: 4}`."""

    name: str
    count: SizeExpr | None = None
    span: Span = field(compare=False, default=NOWHERE)

    def __str__(self) -> str:
        return self.name if self.count is None else f"{{{self.name}: {self.count}}}"


def check_tokens(value: Any) -> tuple[Prepended, ...]:
    """`cls`, `{reg: 4}`, or a list of these. Raises Wrong."""
    if isinstance(value, list) and value:
        return each_of(cast("list[Any]", value), _token)
    return (_token(value),)


def _token(value: Any) -> Prepended:
    if isinstance(value, Prepended):
        return value
    if isinstance(value, str):
        name = check_name(value)
        return Prepended(str(name), None, name.span)
    if not isinstance(value, dict) or len(cast("dict[str, Any]", value)) != 1:
        raise mistyped(value, "takes a name, a name with a number {reg: 4}, or a list of these")
    return _several(cast("dict[str, Any]", value))


def _several(value: dict[str, Any]) -> Prepended:
    (name, count), *_ = value.items()
    span = getattr(value, "key_spans", {}).get(name, NOWHERE)
    try:
        return Prepended(str(check_name(name)), check_size(count), span)
    except Wrong as error:
        place = getattr(value, "value_spans", {}).get(name)
        raise Wrong(error.about(name, place)) from None


_NAME: dict[str, Any] = {"type": "string", "pattern": f"^{NAME}$"}
_TOKEN: dict[str, Any] = {
    "anyOf": [
        _NAME,
        {
            "type": "object",
            "additionalProperties": {"type": ["integer", "string"]},
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]
}
_TOKENS = {"anyOf": [_TOKEN, {"type": "array", "items": _TOKEN, "minItems": 1}]}


class Prepend(Layer):
    """Learned tokens in front: `[..., T, width] -> [..., 1 + T, width]` (Devlin et al. 2018)."""

    step: ClassVar[str] = "prepend"
    shorthand: ClassVar[str | None] = "tokens"
    whole: ClassVar[bool] = True

    tokens: Annotated[tuple[Prepended, ...], Parsed(check_tokens, _TOKENS)] = Field(
        description="the names of the new parts: cls, [cls, dist], {reg: 4}"
    )

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        new = [self._token(g, token, x) for token in self.tokens]
        parts = tuple(tensor.space.parts[0] for tensor in new)
        taken = {part.name for part in x.space.parts} & {part.name for part in parts}
        if taken:
            message = f"the value has a part `{min(taken)}` already"
            raise g.refuse(
                TAKEN_PART, message, self.tokens[0].span, help=["give the new part another name"]
            )
        space = g.tokens(x.space.with_parts(*parts, *x.space.parts))
        return ops.Concat(space)(*new, x)

    def _token(self, g: Builder, token: Prepended, x: Tensor) -> Tensor:
        axes = () if token.count is None else (Axis(token.name, g.fixed_size(token.count)),)
        return ops.Learn(Part(token.name, axes), x.width)(name=g.name(token.name))
