"""The knobs of a model of the language: what each takes, by default, and does."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.pages.markdown import table, told
from tfspec.layers.base import Layer
from tfspec.spec.located import Located
from tfspec.spec.table import Table
from tfspec.spec.types import Parsed

HEAD = ("knob", "takes", "does")


def knobs(model: type[Located]) -> dict[str, FieldInfo]:
    """Its fields by the key that a spec writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def knob_table(model: type[Located]) -> str:
    """A row for each knob."""
    rows = ((f"`{key}`", _takes(field), _does(field)) for key, field in knobs(model).items())
    return table(HEAD, rows)


def inner(model: type[Located]) -> dict[str, type[Located]]:
    """What has knobs of its own, by the key of the knob that takes it."""
    found = {key: _inner(field) for key, field in knobs(model).items()}
    return {key: each[0] for key, each in found.items() if each}


def forms(model: type[Located]) -> list[type[Located]]:
    """Every model that some knob of this one takes, this one's own first."""
    return list(dict.fromkeys(each for field in knobs(model).values() for each in _inner(field)))


def _does(field: FieldInfo) -> str:
    return field.description or ""


def _takes(field: FieldInfo) -> str:
    words = [part for part in dict.fromkeys(_words(field)) if part]
    if field.default is PydanticUndefined and field.default_factory is None:
        words.append("required")
    return "; ".join(words)


def _words(field: FieldInfo) -> Iterator[str]:
    for each in (*_pieces(field.annotation), *field.metadata):
        if isinstance(each, Parsed):
            yield _sentence(each.parse)
        elif get_origin(each) is Literal:
            yield ", ".join(f"`{word}`" for word in get_args(each))
        elif isinstance(each, type) and issubclass(each, Table):
            yield each.wanted.removeprefix("takes ")
        elif isinstance(each, type) and issubclass(each, Located):
            yield f"knobs of its own: {told(each).splitlines()[0].rstrip('.')}"


def _sentence(parse: Any) -> str:
    """What a function says that it makes of a value."""
    said = " ".join((inspect.getdoc(parse) or "").split()).partition(" Raises Wrong")[0].rstrip(".")
    return said[:1].lower() + said[1:]


def _inner(field: FieldInfo) -> list[type[Located]]:
    pieces = _pieces(field.annotation)
    return [
        each
        for each in pieces
        if isinstance(each, type) and issubclass(each, Located) and not issubclass(each, Layer)
    ]


def _pieces(annotation: Any) -> Iterator[Any]:
    """An annotation and all that it is made of; a table of sizes tells its values' kind."""
    origin = get_origin(annotation)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Table):
        yield origin
    if origin is Literal:
        yield annotation
        return
    metadata = getattr(annotation, "__metadata__", ())
    yield from (each for each in metadata if isinstance(each, Parsed))
    arguments = get_args(annotation)
    if not arguments and isinstance(annotation, type):
        yield annotation
    for each in arguments:
        if not isinstance(each, Parsed):
            yield from _pieces(each)
