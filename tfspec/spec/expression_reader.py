"""From the words of an expression to its tree, with Python's precedence, and within bounds."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from tfspec.diagnostics import Rule
from tfspec.spec.tokens import Word, Words
from tfspec.spec.tree import INTEGER, Name, Negative, Number, Operation, Tree
from tfspec.spec.wrong import Wrong, wrong

LARGEST = 2**53
MAX_EXPONENT = 16
_MAX_CONSTANT_EXPONENT = 64

NOT_WHOLE = Rule(
    "TS250",
    "a size that is not a whole number",
    "A size is fractional, or an exact division `/` in it leaves a remainder.",
    "Sizes count things. `/` in a size asserts that it divides; `//` rounds down.",
    "dims: {d: 768, h: 10, k: d / h}",
    "Change one of the two sizes, or write `//` if rounding down is meant.",
)
OUT_OF_RANGE = Rule(
    "TS251",
    "a size out of range",
    f"A size is zero, negative, or larger than 2**53 = {LARGEST:,}.",
    "No axis, width or count can have such a size.",
    "dims: {T: 0}",
    "Give a size from 1 on.",
)
TOO_COMPLEX = Rule(
    "TS252",
    "an expression that is too complex",
    "An expression has a large or a symbolic exponent, or expands to too many terms.",
    "Sizes are polynomials in the dims, and are kept expanded; the bound keeps time and memory "
    "bounded.",
    "dims: {d: 2**10**9}",
    "Write the number itself, or a simpler expression.",
)


def read_size(words: Words) -> Tree:
    """The tree of a size that begins at the next word."""
    return Reader(words, whole=True).sum()


def read_whole(words: Words) -> int:
    """The whole number that the next word is."""
    return int(Reader(words, whole=True).number(words.take()).value)


class Reader:
    """Reads a tree from words, with Python's precedence."""

    def __init__(self, words: Words, *, whole: bool) -> None:
        self.words = words
        self.whole = whole

    def sum(self) -> Tree:
        """A sum: `a + b - c`."""
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Tree:
        return self._chain(("*", "/", "//", "%"), self._signed)

    def _chain(self, signs: tuple[str, ...], part: Callable[[], Tree]) -> Tree:
        first = self.words.next
        tree = part()
        while sign := self.words.accept(*signs):
            tree = self._operation(sign, tree, part(), first)
        return tree

    def _signed(self) -> Tree:
        if self.words.accept("-"):
            with self.words.deeper():
                value = self._signed()
            return Number(-value.value) if isinstance(value, Number) else Negative(value)
        return self._power()

    def _power(self) -> Tree:
        first = self.words.next
        base = self.atom()
        if not (sign := self.words.accept("**")):
            return base
        with self.words.deeper():
            exponent = self._signed()
        return self._operation(sign, base, exponent, first)

    def _operation(self, sign: Word, left: Tree, right: Tree, first: Word) -> Tree:
        span = self.words.span(first, self.words.last)
        tree = Operation(sign.text, left, right, span)
        if not self.whole:
            return tree
        if sign.text == "**":
            _check_exponent(tree)
        elif sign.text in ("/", "//", "%") and right == Number(0):
            raise wrong(NOT_WHOLE, "a size that divides by zero", span)
        return _fold(tree)

    def atom(self) -> Tree:
        """A number, a name or a parenthesis."""
        words = self.words
        if words.accept("("):
            with words.deeper():
                tree = self.sum()
            words.expect(")", "to close the parenthesis")
            return tree
        if words.next.kind == "number":
            return self.number(words.take())
        if words.next.kind == "name" and "." not in words.next.text:
            word = words.take()
            return Name(word.text, words.span(word))
        raise words.fail("a number, a name or a parenthesis")

    def _not_whole(self, word: Word) -> Wrong:
        """What to say of a number with a point or an exponent in a size."""
        value = Fraction(word.text)
        if value.denominator == 1 and abs(value) <= LARGEST:
            message = f"a size is written in whole numbers, not {word.text}"
            helps = (f"write {value}",)
        else:
            message = f"a size is a whole number, and {word.text} is not"
            simple = 0 < value.numerator < 100 and value.denominator < 100
            helps = (f"{word.text} * n is `{value.numerator} * n / {value.denominator}`",)
            helps = helps if simple else ()
        return wrong(NOT_WHOLE, message, self.words.span(word), helps=helps)

    def number(self, word: Word) -> Number:
        """The number that a word is."""
        if not word.text.isdecimal():
            if self.whole:
                raise self._not_whole(word)
            return Number(float(word.text))
        if self.whole and (len(word.text) > 16 or int(word.text) > LARGEST):
            raise wrong(OUT_OF_RANGE, "a size is at most 2**53", self.words.span(word))
        return Number(int(word.text) if len(word.text) < 300 else float(word.text))


def _check_exponent(tree: Operation) -> None:
    exponent = tree.right
    if not isinstance(exponent, Number):
        message = "an exponent in a size is a number, not a dim"
        raise wrong(TOO_COMPLEX, message, tree.span)
    limit = _MAX_CONSTANT_EXPONENT if isinstance(tree.left, Number) else MAX_EXPONENT
    if not 0 <= exponent.value <= limit:
        message = f"an exponent in a size is from 0 to {limit}, and {exponent.value} is not"
        raise wrong(TOO_COMPLEX, message, tree.span)


def _fold(tree: Operation) -> Tree:
    """Constants computed at once, so that no large number is ever made."""
    left, right = tree.left, tree.right
    if not (isinstance(left, Number) and isinstance(right, Number)):
        return tree
    value = INTEGER[tree.sign](int(left.value), int(right.value))
    if value is None:
        message = f"{left.value} / {right.value} is not a whole number"
        helps = (f"{left.value} // {right.value} rounds down",)
        raise wrong(NOT_WHOLE, message, tree.span, helps=helps)
    if abs(value) > LARGEST:
        raise wrong(OUT_OF_RANGE, "a size is at most 2**53", tree.span)
    return Number(value)
