"""The words that a field knows."""

from __future__ import annotations

from typing import Any, cast, get_args

from pydantic.fields import FieldInfo

_LONGEST = 40


def choices(field: FieldInfo) -> list[object]:
    """The words among which a field's value is chosen; none for other kinds of values."""
    schemas = [cast("dict[str, Any]", getattr(each, "schema", {})) for each in field.metadata]
    listed = [form for schema in schemas for form in (schema, *schema.get("anyOf", ()))]
    words = [word for form in listed for word in form.get("enum", ())]
    return [*words, *(word for word in get_args(field.annotation) if isinstance(word, str))]


def is_short(value: object) -> bool:
    """Whether a message may show the value whole."""
    return len(str(value)) <= _LONGEST
