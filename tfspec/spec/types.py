"""The kinds of values that knobs take: sizes, rates, names, predicates and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tfspec.spec.expression import (
    LARGEST,
    NOT_WHOLE,
    OUT_OF_RANGE,
    RateExpr,
    SizeExpr,
    parse_rate,
    parse_size,
    rate_of,
    size_of,
)
from tfspec.spec.located_values import LocatedStr, span_of
from tfspec.spec.mistakes import mistyped
from tfspec.spec.predicate import Predicate
from tfspec.spec.predicate_reader import parse_predicate
from tfspec.spec.table import BAD_NAME, NAME, AxisTable, Table, is_name, no_name
from tfspec.spec.tokens import locate
from tfspec.spec.wrong import NOWHERE, Wrong, gather, place, recovering, wrong

LINK = "x-tfspec-link"  # pydantic refuses a $ref that it has not made itself
T = TypeVar("T")


class Parsed:
    """Annotates a type whose values are made from what is written by one function."""

    def __init__(self, parse: Callable[[Any], object], schema: dict[str, Any]) -> None:
        self.parse = parse
        self.schema = schema

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self.schema)


def link(name: str) -> dict[str, Any]:
    """A reference of a JSON Schema to a definition that `tfspec.spec.json_schema` adds."""
    return {LINK: name}


def check_name(value: Any) -> LocatedStr:
    """A name: letters, digits and _. Raises Wrong."""
    if not isinstance(value, str):
        raise mistyped(value, "takes a name")
    if is_name(value):
        return locate(value)
    raise wrong(BAD_NAME, no_name(value), span_of(value))


def _size(value: Any, least: int | None) -> SizeExpr:
    if isinstance(value, SizeExpr):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise mistyped(value, "takes a size: a number or an expression")
    size = parse_size(value) if isinstance(value, str) else _whole(value)
    check_range(size, least)
    return size


def _whole(value: float) -> SizeExpr:
    if abs(value) > LARGEST:
        raise wrong(OUT_OF_RANGE, "a size is at most 2**53", span_of(value))
    if value != int(value):
        raise wrong(NOT_WHOLE, f"a size is a whole number, and {value} is not", span_of(value))
    if isinstance(value, float):
        message = f"a size is written as a whole number, not {value!r}"
        raise wrong(NOT_WHOLE, message, span_of(value), helps=(f"write {int(value)}",))
    return size_of(value)


def check_range(size: SizeExpr, least: int | None) -> None:
    """A constant size must be in range. Raises Wrong."""
    value = size.constant
    if value is None:
        return
    if value > LARGEST or value < -LARGEST:
        raise wrong(OUT_OF_RANGE, "a size is at most 2**53", size.span)
    if least is not None and value < least:
        raise wrong(OUT_OF_RANGE, f"a size is at least {least}, and {value} is not", size.span)


def check_size(value: Any) -> SizeExpr:
    """A size: an integer from 1 on, or an expression. Raises Wrong."""
    return _size(value, 1)


def check_count(value: Any) -> SizeExpr:
    """An amount that may be nothing: an integer from 0 on, or an expression. Raises Wrong."""
    return _size(value, 0)


def check_rate(value: Any) -> RateExpr:
    """A real number, or an expression. Raises Wrong."""
    if isinstance(value, RateExpr):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise mistyped(value, "takes a number or an expression")
    return parse_rate(value) if isinstance(value, str) else rate_of(value)


def check_flag(value: Any) -> bool:
    """true or false. Raises Wrong."""
    if isinstance(value, bool):
        return value
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(str(value).lower())
    raise mistyped(value, "takes true or false", (f"write `{meant}`",) if meant else ())


def check_text(value: Any) -> str:
    """A text. Raises Wrong."""
    if isinstance(value, str):
        return value
    raise mistyped(value, "takes a text")


def check_predicate(value: Any) -> Predicate:
    """A predicate. Raises Wrong."""
    if isinstance(value, Predicate):
        return value
    if isinstance(value, bool | list | dict):
        helps = ("join conditions: `causal and key.valid`",) if isinstance(value, list) else ()
        raise mistyped(value, "takes a predicate such as `causal`", helps)
    return parse_predicate(value if isinstance(value, str) else _text_of(value))


def _text_of(value: Any) -> LocatedStr:
    """A bare number as the text it is, so that the parser says what is wrong with it."""
    text = LocatedStr(value)
    text.span, text.content_column = span_of(value) or NOWHERE, None
    return text


class Axes(tuple[LocatedStr, ...]):
    """Names of axes."""


class Parts(tuple[LocatedStr, ...]):
    """Names of parts."""


def check_axes(value: Any) -> Axes:
    """An axis, or a list of axes. Raises Wrong."""
    return Axes(check_names(value))


def check_parts(value: Any) -> Parts:
    """A part, or a list of parts. Raises Wrong."""
    return Parts(check_names(value))


def check_names(value: Any) -> tuple[LocatedStr, ...]:
    """A name, or a list of names. Raises Wrong."""
    if isinstance(value, str):
        return (check_name(value),)
    if not isinstance(value, list | tuple) or not value:
        empty = ("name one at least, or leave it out",) if value == [] else ()
        raise mistyped(value, "takes a name or a list of names", empty)
    return each_of(cast("list[Any]", value), check_name)


def each_of(items: Iterable[Any], check: Callable[[Any], T]) -> tuple[T, ...]:
    """The items, all checked: what is wrong with several is said at once. Raises Wrong."""
    spans = getattr(items, "item_spans", None) or [span_of(item) for item in items]
    found: list[Wrong] = []
    checked: list[T] = []
    for item, span in zip(items, spans, strict=True):
        try:
            checked.append(check(item))
        except Wrong as error:
            found.append(
                Wrong(
                    (place(each, span) for each in error.diagnostics), names_knob=error.names_knob
                )
            )
    if found and not recovering.get():
        raise gather(found)
    return tuple(checked)


_NAME_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^{NAME}$"}
_NAMES_SCHEMA: dict[str, Any] = {
    "anyOf": [_NAME_SCHEMA, {"type": "array", "items": _NAME_SCHEMA, "minItems": 1}]
}

Name = Annotated[LocatedStr, Parsed(check_name, _NAME_SCHEMA)]
"""An identifier."""
Names = Annotated[tuple[LocatedStr, ...], Parsed(check_names, _NAMES_SCHEMA)]
"""One identifier, or a list of them."""
AxisNames = Annotated[Axes, Parsed(check_axes, _NAMES_SCHEMA)]
"""An axis, or a list of axes."""
PartNames = Annotated[Parts, Parsed(check_parts, _NAMES_SCHEMA)]
"""A part, or a list of parts."""
Size = Annotated[SizeExpr, Parsed(check_size, {"type": ["integer", "string"]})]
"""An integer from 1 on, or an expression over dims and `width`."""
Count = Annotated[SizeExpr, Parsed(check_count, {"type": ["integer", "string"]})]
"""An integer from 0 on, or an expression."""
Rate = Annotated[RateExpr, Parsed(check_rate, {"type": ["number", "string"]})]
"""A real number, or an expression over dims, `width`, `i` and `n`."""
Flag = Annotated[bool, Parsed(check_flag, {"type": "boolean"})]
"""true or false."""
Text = Annotated[str, Parsed(check_text, {"type": "string"})]
"""Any text."""
PredicateField = Annotated[Predicate, Parsed(check_predicate, {"type": "string"})]
"""A condition on a query and a key, or on a token."""
NewAxes = Table[Size]
"""New axes with their sizes."""
AxisSizes = AxisTable[Size]
"""A size for each of some axes."""
AxisCounts = AxisTable[Count]
"""An amount, maybe 0, for each of some axes."""

__all__ = [
    "BAD_NAME",
    "LINK",
    "NAME",
    "AxisCounts",
    "AxisNames",
    "AxisSizes",
    "AxisTable",
    "Count",
    "Flag",
    "Name",
    "Names",
    "NewAxes",
    "Parsed",
    "PartNames",
    "PredicateField",
    "Rate",
    "Size",
    "Table",
    "Text",
    "is_name",
]
