"""Expressions of a spec: parsed once, bounded, evaluated as a symbolic size or a real number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tfspec.diagnostics import Diagnostic, Rule, Span
from tfspec.spec.expression_reader import (
    LARGEST,
    NOT_WHOLE,
    OUT_OF_RANGE,
    TOO_COMPLEX,
    Reader,
    read_size,
)
from tfspec.spec.located_values import span_of
from tfspec.spec.tokens import SYNTAX, Words, locate
from tfspec.spec.tree import Name, Negative, Number, Operation, Tree, names_in, real_value
from tfspec.spec.wrong import NOWHERE, diagnostic, wrong
from tfspec.symbolic.dim import Dim
from tfspec.symbolic.errors import Indivisible, TooComplex

NOT_REAL = Rule(
    "TS253",
    "a rate without a value",
    "A rate divides by zero, overflows, or takes a root of a negative number.",
    "A rate, scale, base or eps must be a real number.",
    "residual: {drop_path: 0.2 * i / (n - n)}",
    "Change the expression so that it has a value for every layer.",
)


class ExpressionError(ValueError):
    """An expression has no value; `diagnostic` says why, with the place."""

    def __init__(self, found: Diagnostic) -> None:
        super().__init__(found.message)
        self.diagnostic = found


@dataclass(frozen=True)
class Expression:
    """A parsed expression. Equal trees are equal, wherever and however they are written."""

    tree: Tree
    text: str = field(compare=False)
    span: Span = field(compare=False)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name in it."""
        return frozenset(each.name for each in self.places())

    def places(self) -> Iterator[Name]:
        """Every name in it with its place, from left to right."""
        return names_in(self.tree)

    @property
    def constant(self) -> int | float | None:
        """The value, if it is a plain number."""
        return self.tree.value if isinstance(self.tree, Number) else None

    def __str__(self) -> str:
        return self.text


class SizeExpr(Expression):
    """An expression whose arithmetic is integer, and whose `/` is exact."""

    def dim(self, env: Mapping[str, Dim]) -> Dim:
        """The size, given the sizes of its names.

        Raises ExpressionError where it has none (an exponent that is no small constant, division
        by zero, a remainder of constants, too many terms); KeyError for a name not in `env`.
        """
        try:
            return _dim(self.tree, env)
        except Indivisible as error:
            found = diagnostic(NOT_WHOLE, f"in {self.text}, {error}", self.span)
            raise ExpressionError(found) from None
        except TooComplex:
            message = f"{self.text} expands to too many terms or too large numbers"
            raise ExpressionError(diagnostic(TOO_COMPLEX, message, self.span)) from None


class RateExpr(Expression):
    """An expression whose arithmetic is real."""

    def real(self, env: Mapping[str, float]) -> float:
        """The value, given the values of its names.

        Raises ExpressionError where it is not a finite real number; KeyError for a name not in
        `env`.
        """
        try:
            value = real_value(self.tree, env)
        except (ArithmeticError, TypeError) as error:
            raise self._without_value(_REASONS.get(type(error), "it overflows")) from None
        if isinstance(value, complex) or value - value != 0:
            raise self._without_value("it is not a real number")
        if abs(value) > LARGEST_REAL:
            raise self._without_value(f"it is beyond {LARGEST_REAL:.2g}, the largest of fp32")
        return value

    def _without_value(self, reason: str) -> ExpressionError:
        message = f"{self.text} has no value: {reason}"
        return ExpressionError(diagnostic(NOT_REAL, message, self.span))


LARGEST_REAL = (2 - 2**-23) * 2.0**127
"""What a model's numbers, which may be fp32, can be."""
_REASONS: dict[type[Exception], str] = {
    ZeroDivisionError: "it divides by zero",
    TypeError: "it is not a real number",  # a comparison or // of complex numbers
}


def parse_size(text: str) -> SizeExpr:
    """A size from its text. Raises Wrong."""
    if ".." in text:
        message = "a size is one number or expression, and a range stands in `dims` only"
        raise wrong(SYNTAX, message, locate(text).span)
    words = Words(text, "a size")
    tree = read_size(words)
    words.finish()
    return SizeExpr(tree, text, words.text.span)


def parse_rate(text: str) -> RateExpr:
    """A rate from its text. Raises Wrong."""
    words = Words(text, "a rate")
    tree = Reader(words, whole=False).sum()
    words.finish()
    return RateExpr(tree, text, words.text.span)


def size_of(value: int) -> SizeExpr:
    """A constant size, at the place of the value if it has one."""
    return SizeExpr(Number(int(value)), str(value), span_of(value) or NOWHERE)


def rate_of(value: float) -> RateExpr:
    """A constant rate, at the place of the value if it has one."""
    number = int(value) if isinstance(value, int) else float(value)
    return RateExpr(Number(number), repr(number), span_of(value) or NOWHERE)


def _dim(tree: Tree, env: Mapping[str, Dim]) -> Dim:
    match tree:
        case Number(value):
            return Dim.of(int(value))
        case Name(name):
            return env[name]
        case Negative(value):
            return _dim(value, env) * -1
        case Operation("**", base, Number(exponent)):
            return _dim(base, env) ** int(exponent)
        case Operation(sign, left, right):
            return _combine(sign, _dim(left, env), _dim(right, env), tree)


def _combine(sign: str, left: Dim, right: Dim, tree: Operation) -> Dim:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return _divide(sign, left, right, tree)


def _divide(sign: str, left: Dim, right: Dim, tree: Operation) -> Dim:
    if right.constant == 0:
        raise ExpressionError(diagnostic(NOT_WHOLE, "a size that divides by zero", tree.span))
    if sign == "//":
        return left.floor_div(right)
    if sign == "%":
        return left.mod(right)
    if left.constant is not None and right.constant is not None and left.constant % right.constant:
        message = f"{left.constant} / {right.constant} is not a whole number"
        rounded = left.constant // right.constant
        helps = (f"`//` rounds down, here to {rounded}",) if rounded >= 1 else ()
        raise ExpressionError(diagnostic(NOT_WHOLE, message, tree.span, helps=helps))
    return left.exact_div(right)


__all__ = [
    "LARGEST",
    "NOT_WHOLE",
    "OUT_OF_RANGE",
    "ExpressionError",
    "Name",
    "Negative",
    "Number",
    "Operation",
    "RateExpr",
    "SizeExpr",
    "Tree",
    "parse_rate",
    "parse_size",
]
