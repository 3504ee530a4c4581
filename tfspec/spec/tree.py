"""The tree of an expression: its nodes, and what they come to as integers and reals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfspec.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Number:
    """A literal: an int, in rates also a float."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Name:
    """A dim, or `width`, `i`, `n`."""

    name: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """-value."""

    value: Tree


@dataclass(frozen=True, slots=True)
class Operation:
    """Two values and a sign: + - * / // % **."""

    sign: str
    left: Tree
    right: Tree
    span: Span = field(compare=False)


Tree = Number | Name | Negative | Operation


def _exact(left: int, right: int) -> int | None:
    return left // right if left % right == 0 else None


INTEGER: dict[str, Callable[[int, int], int | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _exact,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}
_REAL: dict[str, Callable[[float, float], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}


def real_value(tree: Tree, env: Mapping[str, float]) -> Any:
    """The value in real arithmetic; complex, or an ArithmeticError, where there is none."""
    match tree:
        case Number(value):
            return float(value)
        case Name(name):
            return float(env[name])
        case Negative(value):
            return -real_value(value, env)
        case Operation(sign, left, right):
            return _REAL[sign](real_value(left, env), real_value(right, env))


def filled(tree: Tree, values: Mapping[str, Tree | int]) -> Tree:
    """The tree with these names replaced."""
    match tree:
        case Number():
            return tree
        case Name(name):
            value = values.get(name, tree)
            return Number(value) if isinstance(value, int) else value
        case Negative(value):
            return Negative(filled(value, values))
        case Operation(sign, left, right, span):
            return Operation(sign, filled(left, values), filled(right, values), span)


def folded(tree: Tree) -> Tree:
    """The same, shorter: sums and differences of integers are worked out."""
    match tree:
        case Negative(value):
            return Negative(folded(value))
        case Operation(("+" | "-") as sign, left, Number(int(more)), span):
            return _plus(folded(left), more if sign == "+" else -more, span)
        case Operation(sign, left, right, span):
            return Operation(sign, folded(left), folded(right), span)
        case _:
            return tree


def _plus(tree: Tree, more: int, span: Span) -> Tree:
    match tree:
        case Number(int(value)):
            return Number(value + more)
        case Operation("+", left, Number(int(value))):
            return _plus(left, value + more, span)
        case _ if more == 0:
            return tree
        case _:
            return Operation("+" if more > 0 else "-", tree, Number(abs(more)), span)


def names_in(tree: Tree) -> Iterator[Name]:
    """Every name in a tree, from left to right."""
    match tree:
        case Number():
            return
        case Name():
            yield tree
        case Negative(value):
            yield from names_in(value)
        case Operation(_, left, right):
            yield from names_in(left)
            yield from names_in(right)
