"""Named values of a spec, and what may be a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, ValidationError, core_schema

from tfspec.diagnostics import Diagnostic, Rule, Span
from tfspec.diagnostics.escape import quoted
from tfspec.spec.mistakes import cut_by_comma, mistyped, no_mapping
from tfspec.spec.wrong import NOWHERE, Wrong, diagnostic, recovering

NAME = "[A-Za-z_][A-Za-z0-9_]*"
MAX_NAME = 60

BAD_NAME = Rule(
    "TS105",
    "a name that is no identifier",
    f"A name has other signs than ASCII letters, digits and _, begins with a digit, or has more "
    f"than {MAX_NAME} characters.",
    "Names stand in expressions, and become names of the emitted code.",
    "dims: {head-dim: 64}",
    "Use letters, digits and _.",
)

_IS_NAME = re.compile(NAME)
T = TypeVar("T")


def is_name(text: str) -> bool:
    """Whether the text can be a name."""
    return len(text) <= MAX_NAME and _IS_NAME.fullmatch(text) is not None


def no_name(text: str) -> str:
    """Why it is none."""
    if _IS_NAME.fullmatch(text):
        return f"{quoted(text)} is too long for a name: {MAX_NAME} characters are the most"
    letters = "letters" if text.isascii() else "letters from A to Z"
    return f"{quoted(text)} is no name: names have {letters}, digits and _"


class Table(dict[str, T], Generic[T]):
    """Named values of a spec, in order, with the places of their names. Not to be changed."""

    spans: Mapping[str, Span] = MappingProxyType({})
    wanted: ClassVar[str] = "takes a mapping with a name for each value"

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def span_of(self, name: str) -> Span:
        """The place of a name."""
        return self.spans.get(name, NOWHERE)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler.generate_schema(get_args(source)[0])
        table = core_schema.dict_schema(core_schema.str_schema(), inner)
        return core_schema.no_info_wrap_validator_function(cls._check, table)

    @classmethod
    def _check(cls, value: Any, handler: Callable[[Any], dict[str, Any]]) -> Table[Any]:
        return _fill(cls(), value, handler)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core)
        return {**schema, "propertyNames": {"pattern": f"^{NAME}$"}}


class AxisTable(Table[T]):
    """Values for axes that exist already, by the names of the axes: at least one."""

    @classmethod
    def _check(cls, value: Any, handler: Callable[[Any], dict[str, Any]]) -> Table[Any]:
        if value == {}:
            raise mistyped(None, "takes a mapping of one axis or more")
        return super()._check(value, handler)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**super().__get_pydantic_json_schema__(core, handler), "minProperties": 1}

    wanted: ClassVar[str] = "takes a mapping of axes, such as {H: 2}"


def _fill(table: Table[Any], value: Any, handler: Callable[[Any], dict[str, Any]]) -> Table[Any]:
    if not isinstance(value, dict):
        raise no_mapping(value, table.wanted)
    names = cast("dict[str, Any]", value)
    if recovering.get():
        return _salvage(table, names, handler)
    found = [each for name in names for each in _bad_name(name, names)]
    spans = cast("dict[str, Span]", getattr(names, "key_spans", {}))
    try:
        table.update(handler(names))
    except ValidationError as error:
        raise Wrong([*found, *_explain_items(error, names)]) from None
    if found:
        raise Wrong(found)
    table.spans = spans
    return table


def _salvage(
    table: Table[Any], names: dict[str, Any], handler: Callable[[Any], dict[str, Any]]
) -> Table[Any]:
    """The table with None for each value that is wrong."""
    for name, value in names.items():
        try:
            table.update(handler({name: value}))
        except ValidationError:
            table[name] = None
    table.spans = getattr(names, "key_spans", {})
    return table


def _bad_name(name: str, names: dict[str, Any]) -> list[Diagnostic]:
    if is_name(name):
        return []
    span = getattr(names, "key_spans", {}).get(name)
    return [diagnostic(BAD_NAME, no_name(name), span, helps=cut_by_comma(names, name))]


def _explain_items(error: ValidationError, names: dict[str, Any]) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for each in error.errors(include_url=False):
        name = str(each["loc"][0]) if each["loc"] else ""
        cause = each.get("ctx", {}).get("error")
        span = getattr(names, "value_spans", {}).get(name)
        if not isinstance(cause, Wrong):
            raise RuntimeError(f"an error that no check of ours made: {each}") from cause
        helps = cut_by_comma(names, name)
        if not helps or is_name(name):  # else its name was told, and that it is part of a value
            told = cause.about(name, span)
            found += (replace(one, help=(*one.help, *helps)) for one in told)
    return found
