"""The traps of YAML, closed: what YAML would take without a word and a spec refuses."""

from __future__ import annotations

import re

from tfspec.diagnostics import Diagnostic, Label, Rule, Span
from tfspec.diagnostics.escape import quoted
from tfspec.spec.nodes import Node, Scalar, Sequence
from tfspec.spec.scalars import is_finite
from tfspec.spec.yaml_trouble import SYNTAX

DUPLICATE = Rule(
    "TS010",
    "a key twice",
    "A mapping has the same key twice.",
    "YAML readers keep one of the two and drop the other without a word.",
    "dims: {d: 768, h: 12, d: 64}",
    "Keep one, or rename one.",
)

MERGE = Rule(
    "TS011",
    "a merge key",
    "`<<` merges another mapping into this one.",
    "What a mapping holds should stand where it is read; tfspec has `extends` for the rest.",
    "blocks: {a: &a {do: [ffn]}, b: {<<: *a, norm: none}}",
    "Give a block `extends: NAME`, or a whole spec `extends: SPEC`.",
)

TAG = Rule(
    "TS012",
    "a tag",
    "A value bears a YAML tag, such as `!!float` or `!mine`.",
    "Tags change how a value is read, and some readers run code for them.",
    "eps: !!float 1",
    "Leave the tag out, and write the value as it should be read.",
)

KEY = Rule(
    "TS013",
    "a key that is no name",
    "A key is a list, a mapping, or nothing at all.",
    "Keys are looked up by their text.",
    "dims: {[a, b]: 1}",
    "Write a name before the colon.",
)

SPACE = Rule(
    "TS014",
    "a colon without a space",
    "`a:1` is one word in YAML. A key ends with a colon and a space.",
    "A size or a knob would go unread.",
    "dims: {d:768}",
    "Write `d: 768`.",
)

FINITE = Rule(
    "TS015",
    "a number that is not finite",
    "A value is infinite, not a number, or larger than a float can hold.",
    "No size, rate or epsilon of a model can be computed from it.",
    "eps: .inf",
    "Write a finite number, or leave the key out.",
)

_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_SPACE = re.compile(r"([A-Za-z_]\w*):([^\s:/].*)?", re.ASCII | re.DOTALL)


def duplicate_key(again: Scalar, first: Scalar) -> Diagnostic:
    """The same key a second time in one mapping."""
    return Diagnostic(
        DUPLICATE,
        f"the key {quoted(again.text)} stands twice in one mapping",
        Label(again.span, "here again"),
        (Label(first.span, "here first"),),
        ("keep one of the two, or rename one",),
    )


def merge_key(key: Scalar) -> Diagnostic:
    """The key `<<`."""
    return Diagnostic(
        MERGE,
        "merge keys (`<<`) are not part of the spec language",
        Label(key.span),
        help=("a block takes over another one's keys by `extends: NAME`",),
    )


def tag(text: str, span: Span) -> Diagnostic:
    """A tag, written as `text`."""
    return Diagnostic(
        TAG,
        f"tags such as {quoted(text)} are not part of the spec language",
        Label(span),
        help=("leave the tag out; put a text in quotes where it must stay a text",),
    )


def not_a_name(key: Node) -> Diagnostic | None:
    """A key that is empty or no scalar."""
    if isinstance(key, Scalar):
        what = None if key.text else "nothing"
    else:
        what = "a list" if isinstance(key, Sequence) else "a mapping"
    if what is None:
        return None
    way = "put a list in brackets, and a text that begins with a brace or bracket in quotes"
    hints = (way,) * (what != "nothing")
    return Diagnostic(KEY, f"a key must be a name, and here is {what}", Label(key.span), help=hints)


def missing_space(word: Scalar) -> Diagnostic | None:
    """`a:1` as an item, or as a key that has no value."""
    found = _NO_SPACE.fullmatch(word.text) if word.content_column == word.span.column else None
    if not found:
        return None
    return Diagnostic(
        SPACE,
        f"{quoted(word.text)} is one word: a colon needs a space after it",
        Label(word.span),
        help=(f"write {quoted(f'{found[1]}: {found[2]}' if found[2] else 'key: value')}",),
    )


def half_a_character(scalar: Scalar) -> Diagnostic | None:
    """An escape such as `\\ud800`: half of a pair, which the pure Python parser lets pass."""
    if scalar.text.isascii() or not _SURROGATE.search(scalar.text):
        return None
    message = f"{quoted(scalar.text)} holds half a character, an escape of a surrogate"
    return Diagnostic(SYNTAX, message, Label(scalar.span))


def not_finite(scalar: Scalar) -> Diagnostic | None:
    """A float that is infinite or not a number."""
    if is_finite(scalar.value):
        return None
    message = f"{quoted(scalar.text)} is not a finite number"
    hint = "write a number, or leave the key out"
    return Diagnostic(FINITE, message, Label(scalar.span), help=(hint,))
