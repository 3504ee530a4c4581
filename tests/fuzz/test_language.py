"""The generator draws the whole language: every step, every knob and every choice of the schema."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any, Literal, get_args, get_origin

from docs.pages.fields import knobs
from docs.pages.knobs import models, pieces
from tests.fuzz.specs import make, written
from tfspec.spec.load import load_text
from tfspec.spec.schema import Expect

CASES = 700

# What no random spec has, and why; an entry that one has is refused.
LEFT_OUT = {
    "A stream.freeze": "test_frozen writes it into random specs",
}


@cache
def drawn() -> frozenset[str]:
    """What the first cases have, by the words of the reference pages."""
    titles = {model: title for title, model in models().items()}
    found: set[str] = set()
    for at in range(CASES):
        spec = load_text(written(make(Random(f"language {at}")))).spec
        assert spec is not None, at
        for model in pieces(spec):
            title = titles.get(type(model), "")
            found.add(title)
            keys = {field.alias or name: name for name, field in type(model).model_fields.items()}
            for key, name in keys.items():
                if name in model.model_fields_set:
                    value = getattr(model, name)
                    several = value if isinstance(value, tuple) else (value,)
                    found |= {f"{title}.{key}", *(f"{title}.{key}={each}" for each in several)}
    return frozenset(found)


def language() -> Iterator[str]:
    """Steps and other models, their knobs, and what a knob with few choices may be."""
    for title, model in models().items():
        if model is Expect:
            continue  # asserts of a whole model; the oracle counts parameters by itself
        yield title
        for key, field in knobs(model).items():
            yield f"{title}.{key}"
            yield from (f"{title}.{key}={each}" for each in choices(field.annotation))


def choices(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    else:
        for each in get_args(annotation):
            yield from choices(each)


def within(name: str, whole: str) -> bool:
    return name == whole or name.startswith((f"{whole}.", f"{whole}="))


def test_everything_is_drawn_or_has_a_reason() -> None:
    missing = [name for name in language() if name not in drawn()]
    assert [name for name in missing if not any(within(name, out) for out in LEFT_OUT)] == []


def test_reasons_are_of_what_is_never_drawn() -> None:
    assert [name for name in LEFT_OUT if name in drawn()] == []
    assert [name for name in LEFT_OUT if name not in language()] == []
