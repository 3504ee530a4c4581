"""The words of an expression or predicate, with their places, within bounds."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from tfspec.diagnostics import Rule, Span, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.spec.located_values import LocatedStr
from tfspec.spec.wrong import NOWHERE, Wrong, wrong

MAX_LENGTH = 400
MAX_DEPTH = 50

SYNTAX = Rule(
    "TS120",
    "an expression that cannot be read",
    "A size, rate or predicate is not written as an expression.",
    "Expressions know numbers, names, + - * / // % **, parentheses; predicates also know "
    "comparisons, and, or, not, causal, within(n), abs(e), query.X and key.X.",
    "ffn: {hidden: 4 * * width, act: gelu}",
    "Write it with these signs only, each between two values.",
)
TOO_LONG = Rule(
    "TS121",
    "an expression that is too long",
    f"An expression has more than {MAX_LENGTH} characters, or more than {MAX_DEPTH} parentheses "
    "in one another.",
    "Sizes of real architectures are short; the bound keeps tfspec's time and memory bounded too.",
    "dims: {d: ((((((...1...))))))}",
    "Give parts of it names in `dims`.",
)

_WORD = re.compile(
    r"""\s*(?:
        (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)
      | (?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%()<>])
      | (?P<bad>\S)
    )""",
    re.VERBOSE,
)


_SIGNS = {"x": "*", "×": "*", "·": "*", "÷": "/", "–": "-", "−": "-", "^": "**"}
_FUNCTIONS = {"a predicate": ("within", "abs")}
_CONDITIONS = {"&": "and", "|": "or", "!": "not", "=": "=="}


class Word(NamedTuple):
    """One word; `kind` is number, name, sign, bad or end."""

    kind: str
    text: str
    start: int
    end: int


class Words:
    """A reader over the words of a text; `fail` makes the message for what it cannot read."""

    def __init__(self, text: str, what: str) -> None:
        self.text = locate(text)
        self.what = what
        self._depth = 0
        self._at = 0
        if len(text) > MAX_LENGTH:
            length = f"{len(text):,} characters, and {MAX_LENGTH} are allowed"
            raise wrong(TOO_LONG, f"{what} is too long: {length}", self.text.span)
        self._words = _split(text)

    @property
    def next(self) -> Word:
        """The word that comes next, not yet taken."""
        return self._words[self._at]

    def take(self) -> Word:
        """The next word, taken."""
        word = self.next
        self._at += word.kind != "end"
        return word

    @property
    def last(self) -> Word:
        """The word taken last."""
        return self._words[max(self._at - 1, 0)]

    def accept(self, *texts: str) -> Word | None:
        """The next word, taken if it is one of these."""
        return self.take() if self.next.text in texts and self.next.kind != "end" else None

    def expect(self, text: str, why: str) -> Word:
        """The next word, which must be this one."""
        return self.accept(text) or self._refuse(f"{quoted(text)} {why}")

    def finish(self, wanted: str = "an operator or the end") -> None:
        """Nothing may be left."""
        word = self.next
        if word.kind == "sign" and word.text not in "()" and "operator" in wanted:
            raise wrong(SYNTAX, f"{self.what} has no operator `{word.text}`", self.span(word))
        if word.text == "(" and self.last.kind == "name" and "operator" in wanted:
            raise self._no_function(self.last)
        if word.kind != "end":
            self._refuse(wanted)

    def _no_function(self, word: Word) -> Wrong:
        near = nearest(word.text, _FUNCTIONS.get(self.what, ()))
        helps = (f"did you mean `{near}`?",) if near else ()
        message = f"{self.what} has no function {quoted(word.text)}"
        return wrong(SYNTAX, message, self.span(word), helps=helps)

    def fail(self, wanted: str) -> Wrong:
        """A syntax error at the next word: `wanted` is what should stand there."""
        word = self.next
        found = "the text ends" if word.kind == "end" else f"{quoted(word.text)} stands"
        message = f"{self.what} cannot be read: {found} where {wanted} should be"
        return wrong(SYNTAX, message, self.span(word), helps=self._meant(word))

    def _meant(self, word: Word) -> tuple[str, ...]:
        """What helps where a sign is another language's, or a product has none."""
        sign = _SIGNS.get(word.text) or (_CONDITIONS if self.what == "a predicate" else {}).get(
            word.text
        )
        last = self.last
        if self.what == "an input" and word.text in ("[", "]", ","):
            return ("axes stand one after the other, with spaces between: `B T`",)
        if sign:
            return (f"write `{sign}`",)
        if word.kind == "name" and last.kind == "number" and last.end == word.start:
            whole = (last.text + word.text).replace("_", "")
            product = f"{last.text} * {word.text}"
            return (f"write `{whole if whole.isdecimal() else product}`",)
        return ()

    def span(self, first: Word, last: Word | None = None) -> Span:
        """The place of a word, or of all from one to another."""
        if first.kind == "end":
            return self.text.span
        return self.text.part(first.start, (last or first).end)

    @contextmanager
    def deeper(self) -> Generator[None]:
        """One parenthesis deeper, and out again."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            message = f"{self.what} has more than {MAX_DEPTH} parentheses in one another"
            raise wrong(TOO_LONG, message, self.text.span)
        yield
        self._depth -= 1

    def _refuse(self, wanted: str) -> Word:
        raise self.fail(wanted)


def _split(text: str) -> list[Word]:
    words = [_word(found) for found in _WORD.finditer(text)]
    return [*words, Word("end", "", len(text), len(text))]


def _word(found: re.Match[str]) -> Word:
    kind = found.lastgroup or "bad"
    return Word(kind, found.group(kind), *found.span(kind))


def locate(text: str) -> LocatedStr:
    """The text with its place; text made in Python is nowhere."""
    if isinstance(text, LocatedStr):
        return text
    located = LocatedStr(text)
    located.span, located.content_column = NOWHERE, None
    return located
