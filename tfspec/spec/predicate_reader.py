"""From the text of a predicate to its tree, with Python's precedence."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from tfspec.diagnostics import Rule, Span, nearest
from tfspec.spec.expression import SizeExpr
from tfspec.spec.expression_reader import read_size, read_whole
from tfspec.spec.predicate import (
    Absolute,
    And,
    Arithmetic,
    Causal,
    Compare,
    Comparison,
    Condition,
    Coordinate,
    Flag,
    Not,
    Number,
    Or,
    Predicate,
    Value,
    Within,
)
from tfspec.spec.tokens import Word, Words
from tfspec.spec.wrong import wrong

KIND = Rule(
    "TS122",
    "a number where true or false is meant, or the reverse",
    "A predicate uses a number as a condition, or computes with a condition.",
    "`and`, `or`, `not` and a mask as a whole take conditions; comparisons and arithmetic take "
    "numbers.",
    "attend: {heads: h, mask: 3}",
    "Compare the number with another, or leave out the arithmetic.",
)


def parse_predicate(text: str) -> Predicate:
    """A predicate from its text. Raises Wrong."""
    words = Words(text, "a predicate")
    reader = PredicateReader(words)
    tree = reader.condition()
    words.finish()
    return Predicate(tree, text, words.text.span)


class PredicateReader:
    """Reads a predicate from words, with Python's precedence."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def condition(self) -> Condition:
        """A condition: `a or b and not c`."""
        first = self.words.next
        return self._as_condition(self._or(), first)

    def _or(self) -> Value | Condition:
        return self._joined("or", self._and, Or)

    def _and(self) -> Value | Condition:
        return self._joined("and", self._not, And)

    def _joined(
        self, word: str, part: Callable[[], Value | Condition], make: type[And] | type[Or]
    ) -> Value | Condition:
        first = self.words.next
        parts = [part()]
        firsts = [first]
        while self.words.accept(word):
            firsts.append(self.words.next)
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        return make(tuple(map(self._as_condition, parts, firsts)))

    def _not(self) -> Value | Condition:
        if not self.words.accept("not"):
            return self._comparison()
        with self.words.deeper():
            first = self.words.next
            return Not(self._as_condition(self._not(), first))

    def _comparison(self) -> Value | Condition:
        first = self.words.next
        left = self._sum()
        found: list[Condition] = []
        while sign := self.words.accept("==", "!=", "<", "<=", ">", ">="):
            second = self.words.next
            right = self._sum()
            values = self._as_number(left, first), self._as_number(right, second)
            span = self.words.span(first, self.words.last)
            found.append(Compare(cast("Comparison", sign.text), *values, span))
            left, first = right, second
        if not found:
            return left
        return found[0] if len(found) == 1 else And(tuple(found))

    def _sum(self) -> Value | Condition:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Value | Condition:
        return self._chain(("*", "//", "%"), self._signed)

    def _chain(
        self, signs: tuple[str, ...], part: Callable[[], Value | Condition]
    ) -> Value | Condition:
        first = self.words.next
        tree = part()
        while sign := self.words.accept(*signs):
            second = self.words.next
            right = self._as_number(part(), second)
            span = self.words.span(first, self.words.last)
            tree = Arithmetic(sign.text, self._as_number(tree, first), right, span)
        return tree

    def _signed(self) -> Value | Condition:
        if not self.words.accept("-"):
            return self._atom()
        with self.words.deeper():
            first = self.words.next
            value = self._as_number(self._signed(), first)
        return Number(-value.value) if isinstance(value, Number) else _negative(value)

    def _atom(self) -> Value | Condition:
        word = self.words.next
        if self.words.accept("("):
            with self.words.deeper():
                inner = self._or()
            self.words.expect(")", "to close the parenthesis")
            return inner
        if word.kind == "number":
            return self._number()
        if word.kind == "name" and word.text not in ("and", "or", "not"):
            return self._name(self.words.take())
        raise self.words.fail("a number, a name or a condition")

    def _number(self) -> Number:
        return Number(read_whole(self.words))

    def _name(self, word: Word) -> Value | Condition:
        span = self.words.span(word)
        match word.text:
            case "causal":
                return Causal(span)
            case "within":
                size = self._within()
                return Within(size, self.words.span(word, self.words.last))
            case "abs":
                return Absolute(self._argument())
            case _:
                return self._mention(word, span)

    def _within(self) -> SizeExpr:
        self.words.expect("(", "and a size after `within`")
        first = self.words.next
        tree = read_size(self.words)
        last = self.words.last
        self.words.expect(")", "to close `within(`")
        text = str(self.words.text)[first.start : last.end]
        return SizeExpr(tree, text, self.words.span(first, last))

    def _argument(self) -> Value:
        self.words.expect("(", "after `abs`")
        first = self.words.next
        with self.words.deeper():
            value = self._as_number(self._sum(), first)
        self.words.expect(")", "to close `abs(`")
        return value

    def _mention(self, word: Word, span: Span) -> Coordinate:
        side, dot, name = word.text.partition(".")
        if not dot:
            return Coordinate(None, word.text, span)
        if side not in ("query", "key"):
            message = f"only `query.` and `key.` have coordinates, and `{side}.` is neither"
            near = nearest(side, ("query", "key"))
            helps = (f"did you mean `{near}.{name}`?",) if near else ()
            raise wrong(KIND, message, span, helps=helps)
        return Coordinate("query" if side == "query" else "key", name, span)

    def _as_condition(self, tree: Value | Condition, first: Word) -> Condition:
        if isinstance(tree, Coordinate):
            return Flag(tree.side, tree.name, tree.span)
        if isinstance(tree, Number | Absolute | Arithmetic):
            span = self.words.span(first, self.words.last)
            raise wrong(KIND, f"{tree} is a number, where a condition should be", span)
        return tree

    def _as_number(self, tree: Value | Condition, first: Word) -> Value:
        if isinstance(tree, Number | Coordinate | Absolute | Arithmetic):
            return tree
        span = self.words.span(first, self.words.last)
        raise wrong(KIND, f"{tree} is a condition, where a number should be", span)


def _negative(value: Value) -> Arithmetic:
    return Arithmetic("-", Number(0), value)
