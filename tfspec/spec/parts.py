"""Small values that several steps write in the same way: shares, token spaces, positions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from tfspec.diagnostics import Span
from tfspec.spec.expression import SizeExpr, parse_size, size_of
from tfspec.spec.expression_reader import read_size
from tfspec.spec.located import mistyped
from tfspec.spec.located_values import LocatedStr, span_of
from tfspec.spec.predicate import Predicate
from tfspec.spec.predicate_reader import PredicateReader
from tfspec.spec.tokens import Words, locate
from tfspec.spec.types import Parsed, is_name
from tfspec.spec.wrong import NOWHERE

_CALL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*\(")


@dataclass(frozen=True, slots=True)
class Share:
    """A name of weights, maybe with an index: `words`, `cross(i)`. Equal ones are the same."""

    name: str
    index: SizeExpr | None = None
    span: Span = field(compare=False, default=NOWHERE)

    def __str__(self) -> str:
        return f"{self.name}({self.index})" if self.index else self.name


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a token space: a product of axes, or a part of one token."""

    names: tuple[str, ...]
    spans: tuple[Span, ...] = field(compare=False, default=())


@dataclass(frozen=True, slots=True)
class Space:
    """A sum of products of axes, such as `cls + H*W`. Without terms: all tokens as they are."""

    terms: tuple[Term, ...] = ()
    text: str = field(compare=False, default="")
    span: Span = field(compare=False, default=NOWHERE)

    @property
    def all_tokens(self) -> bool:
        """Whether this is whatever space the value has."""
        return not self.terms


@dataclass(frozen=True, slots=True)
class Position:
    """Where on an axis: an index, a label, or the first or last token that a predicate finds.

    One of `index`, `label` and `predicate` is given. A label may be a dim: then it is an index.
    """

    index: SizeExpr | None = None
    label: str | None = None
    which: Literal["first", "last"] | None = None
    predicate: Predicate | None = None
    span: Span = field(compare=False, default=NOWHERE)

    def __str__(self) -> str:
        return f"{self.which}({self.predicate})" if self.which else str(self.index or self.label)


def check_share(value: Any) -> Share:
    """`words` or `cross(i)`. Raises Wrong."""
    if isinstance(value, Share):
        return value
    if not isinstance(value, str):
        raise mistyped(value, "takes a name, or a name with an index such as `cross(i)`")
    words = Words(value, "a share")
    name = words.take()
    if not is_name(name.text):
        words = Words(value, "a share")
        raise words.fail("a name")
    index = None
    if words.accept("("):
        first = words.next
        tree = read_size(words)
        span = words.span(first, words.last)
        text = str(value)[first.start : words.last.end]
        words.expect(")", "to close the index")
        index = SizeExpr(tree, text, span)
    words.finish("the end")
    return Share(name.text, index, words.text.span)


def check_space(value: Any) -> Space:
    """`cls + H*W`. Raises Wrong."""
    if isinstance(value, Space):
        return value
    if not isinstance(value, str):
        raise mistyped(value, "takes a sum of products of axes, such as `cls + H*W`")
    words = Words(value, "a token space")
    terms = [_term(words)]
    while words.accept("+"):
        terms.append(_term(words))
    words.finish()
    return Space(tuple(terms), str(value), words.text.span)


def _term(words: Words) -> Term:
    taken = [_axis(words)]
    while words.accept("*"):
        taken.append(_axis(words))
    names, spans = zip(*taken, strict=True)
    return Term(names, spans)


def _axis(words: Words) -> tuple[str, Span]:
    if not is_name(words.next.text):
        raise words.fail("an axis or a part")
    word = words.take()
    return word.text, words.span(word)


def check_position(value: Any) -> Position:
    """An index, a label, `first(predicate)` or `last(predicate)`. Raises Wrong."""
    if isinstance(value, Position):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise mistyped(value, "takes an index, a label, `first(...)` or `last(...)`")
    if isinstance(value, int):
        return Position(index=size_of(value), span=span_of(value) or NOWHERE)
    if is_name(value):
        return Position(label=str(value), span=locate(value).span)
    found = _CALL.match(value)
    if found and found.group(1) in ("first", "last"):
        return _selected(locate(value))
    return Position(index=parse_size(value), span=locate(value).span)


def _selected(text: LocatedStr) -> Position:
    words = Words(text, "a position")
    which = "first" if words.take().text == "first" else "last"
    words.expect("(", "after the word")
    first = words.next
    tree = PredicateReader(words).condition()
    span, inner = words.span(first, words.last), str(text)[first.start : words.last.end]
    words.expect(")", f"to close `{which}(`")
    words.finish()
    return Position(which=which, predicate=Predicate(tree, inner, span), span=text.span)


ShareField = Annotated[Share, Parsed(check_share, {"type": "string"})]
"""A name of weights to be shared, maybe with an index."""
SpaceField = Annotated[Space, Parsed(check_space, {"type": "string"})]
"""A token space."""
PositionField = Annotated[Position, Parsed(check_position, {"type": ["integer", "string"]})]
"""A place on an axis."""
