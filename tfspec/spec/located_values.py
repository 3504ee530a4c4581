"""Plain Python values that remember their place, so that pydantic can read a tree of nodes."""

from __future__ import annotations

from typing import Any, cast

from tfspec.diagnostics import Span
from tfspec.spec.nodes import Mapping, Node, Scalar, Sequence


class LocatedStr(str):
    """A string of the spec. `span` includes the quotes, if any."""

    span: Span
    content_column: int | None

    def part(self, start: int, end: int) -> Span:
        """The place of `self[start:end]`; the whole place where the text is not literal."""
        if self.content_column is None:
            return self.span
        line, column = self.span.line, self.content_column
        return Span(self.span.file, line, column + start, line, column + end)


class LocatedInt(int):
    """An integer of the spec."""

    span: Span


class LocatedFloat(float):
    """A number of the spec."""

    span: Span


class LocatedList(list[Any]):
    """A sequence of the spec. `item_spans` also has the places of what cannot bear one itself."""

    span: Span
    item_spans: list[Span]


class LocatedDict(dict[str, Any]):
    """A mapping of the spec, with the places of its keys and of its values by key."""

    span: Span
    key_spans: dict[str, Span]
    value_spans: dict[str, Span]


def plain(node: Node) -> Any:
    """The node as located dicts, lists, strings, ints and floats; bools and None as they are."""
    if isinstance(node, Scalar):
        return _plain_scalar(node)
    return _plain_list(node) if isinstance(node, Sequence) else _plain_dict(node)


def located_str(scalar: Scalar) -> LocatedStr:
    """The text of a scalar, with its place."""
    value = LocatedStr(scalar.text)
    value.span, value.content_column = scalar.span, scalar.content_column
    return value


def _plain_scalar(node: Scalar) -> Any:
    if node.value is None or isinstance(node.value, bool):
        return node.value
    if isinstance(node.value, str):
        return located_str(node)
    number = LocatedInt(node.value) if isinstance(node.value, int) else LocatedFloat(node.value)
    number.span = node.span
    return number


def _plain_list(node: Sequence) -> LocatedList:
    value = LocatedList(plain(item) for item in node.items)
    value.span, value.item_spans = node.span, [item.span for item in node.items]
    return value


def _plain_dict(node: Mapping) -> LocatedDict:
    value = LocatedDict()
    value.span, value.key_spans, value.value_spans = node.span, {}, {}
    for key, item in node.entries:
        value[located_str(key)] = plain(item)
        value.key_spans[key.text] = key.span
        value.value_spans[key.text] = item.span
    return value


def span_of(value: object) -> Span | None:
    """The place of a located value, or None where it bears none (bools, None, foreign values)."""
    return cast("Span | None", getattr(value, "span", None))
