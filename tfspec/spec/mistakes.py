"""What is said of keys and values that a knob does not take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from tfspec.diagnostics import Rule, Span, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.spec.located_values import span_of
from tfspec.spec.wrong import Wrong, diagnostic, either

UNKNOWN_KEY = Rule(
    "TS101",
    "an unknown key",
    "A mapping has a key that means nothing there.",
    "A key that is not understood would otherwise be ignored, and the model would silently be "
    "another one.",
    "attend: {hedas: 12}",
    "Correct the key; the message names the nearest known one, or all of them.",
)
MISSING_KEY = Rule(
    "TS102",
    "a missing key",
    "A mapping lacks a key that has no default.",
    "There is no good guess for it.",
    "stack: {of: layer}",
    "Add the key.",
)
WRONG_TYPE = Rule(
    "TS103",
    "a value of the wrong type",
    "A value is, for example, a list where a number is expected, or nothing at all.",
    "Each knob takes one kind of value.",
    "norm: {bias: 0}",
    "Write a value of the kind that the message names; `none` unsets a knob.",
)
NOT_A_CHOICE = Rule(
    "TS104",
    "a value that is none of the choices",
    "A knob knows a few words, and the value is another one.",
    "A word that is not understood would otherwise be ignored.",
    "norm: {kind: batch}",
    "Choose one of the words that the message lists.",
)


def mistyped(value: Any, wanted: str, helps: Iterable[str] = ()) -> Wrong:
    """A value of the wrong type, where the knob `wanted` ("takes a size") another."""
    message = f"{wanted}, not {describe(value)}"
    return Wrong((diagnostic(WRONG_TYPE, message, span_of(value), helps=helps),), names_knob=False)


def no_mapping(value: Any, wanted: str, helps: Iterable[str] = ()) -> Wrong:
    """A value where `wanted` is a mapping, which a list of its entries is not."""
    items = cast("list[object]", value if isinstance(value, list) else [])
    if items and all(isinstance(item, dict) for item in items):
        helps = ("leave the dashes out: these are the keys of one mapping",)
    return mistyped(value, wanted, helps)


_FEW = 6


def unknown_choice(value: str, choices: list[str]) -> Wrong:
    """A word that is none of the choices."""
    near = nearest(value, choices)
    helps = (f"did you mean {quoted(near)}?",) if near else known_elsewhere(value)
    message = f"is {either(choices)}, not {quoted(value)}"
    if len(choices) > _FEW:  # a sentence with all of them would hide what is wrong
        message = f"cannot be {quoted(value)}"
        helps = (*helps, f"it is one of {', '.join(choices)}")
    found = diagnostic(NOT_A_CHOICE, message, span_of(value), helps=helps)
    return Wrong((found,), names_knob=False)


def known_elsewhere(name: str, here: str = "") -> tuple[str, ...]:
    """What helps where a name is a knob of a step that is not called as what stands `here`, and of
    that one only."""
    from tfspec.layers.base import steps

    owners = [quoted(step) for step, layer in steps().items() if name in layer.known_keys()]
    alone = len(owners) == 1 and owners[0] != here
    return (f"{quoted(name)} is a knob of {owners[0]}",) if alone else ()


def cut_by_comma(written: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """What helps where a key has no value, as the rest of a value cut in two by its comma."""
    places: Mapping[str, Span] = getattr(written, "key_spans", {})
    has_colon = getattr(written, "value_spans", {}).get(key) != places.get(key)
    before = [each for each in places if each != key and _just_before(places, each, key)]
    if written.get(key) is not None or has_colon or not before:
        return ()
    return (f"in braces, a comma ends the value of {quoted(before[-1])}",)


def _just_before(places: Mapping[str, Span], other: str, key: str) -> bool:
    """Whether a key stands before another on one line, as it can in braces only."""
    if key not in places:
        return False
    return places[other].line == places[key].line and places[other].column < places[key].column


def describe(value: object) -> str:
    """A value in a sentence: a list, `true`, `gelu`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a mapping"
    return quoted(str(value))


def mismatch(kind: str, context: dict[str, Any], value: Any) -> Wrong:
    """What to say of pydantic's own errors."""
    if kind == "literal_error" and isinstance(value, str):
        return unknown_choice(value, [each.strip("'") for each in _words(context["expected"])])
    if kind == "literal_error":
        return mistyped(value, f"is {context['expected'].replace(chr(39), chr(96))}")
    return mistyped(value, _WANTED.get(kind, f"takes another value ({kind})"))


def _words(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


_WANTED = {
    "bool_type": "takes true or false",
    "bool_parsing": "takes true or false",
    "dict_type": "takes a mapping",
    "list_type": "takes a list",
    "tuple_type": "takes a list",
    "string_type": "takes a text",
}
