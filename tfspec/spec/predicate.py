"""Predicates of a spec: which keys a query sees, which tokens a splice replaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tfspec.diagnostics import Span
from tfspec.spec.expression import SizeExpr
from tfspec.spec.wrong import NOWHERE

Side = Literal["query", "key"]
Comparison = Literal["==", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A number that a token has: its index on an axis, or the value of an ids input; or a dim.

    `side` is None for a bare name: a dim, or (in splice, first and last) the token's own.
    """

    side: Side | None
    name: str
    span: Span = field(compare=False)

    def __str__(self) -> str:
        return f"{self.side}.{self.name}" if self.side else self.name


@dataclass(frozen=True, slots=True)
class Flag:
    """A condition that a token has: a bool input's flag, or whether it is in a part.

    `side` is None for a bare name: a bool input whose axes are found in query and key together,
    or (in splice, first and last) the token's own.
    """

    side: Side | None
    name: str
    span: Span = field(compare=False)

    def __str__(self) -> str:
        return f"{self.side}.{self.name}" if self.side else self.name


@dataclass(frozen=True, slots=True)
class Causal:
    """Key index <= query index, along the attended tokens of `self`."""

    span: Span = field(compare=False)

    def __str__(self) -> str:
        return "causal"


@dataclass(frozen=True, slots=True)
class Within:
    """|query index - key index| < size."""

    size: SizeExpr
    span: Span = field(compare=False)

    def __str__(self) -> str:
        return f"within({self.size})"


@dataclass(frozen=True, slots=True)
class Absolute:
    """abs(value)."""

    value: Value

    def __str__(self) -> str:
        return f"abs({self.value})"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers and a sign: + - * // %."""

    sign: str
    left: Value
    right: Value
    span: Span = field(compare=False, default=NOWHERE)

    def __str__(self) -> str:
        binds = _binds(self.sign)
        left = f"({self.left})" if _loose(self.left) < binds else str(self.left)
        right = f"({self.right})" if _loose(self.right) <= binds else str(self.right)
        return f"{left} {self.sign} {right}"


@dataclass(frozen=True, slots=True)
class Compare:
    """Two numbers compared."""

    sign: Comparison
    left: Value
    right: Value
    span: Span = field(compare=False, default=NOWHERE)

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


@dataclass(frozen=True, slots=True)
class Not:
    """Not the condition."""

    condition: Condition

    def __str__(self) -> str:
        return f"not {_inner(self.condition, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """All of the conditions, at least two."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(_inner(each, Or) for each in self.conditions)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the conditions, at least two."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(_inner(each) for each in self.conditions)


Value = Number | Coordinate | Absolute | Arithmetic
Condition = Compare | Flag | Causal | Within | Not | And | Or


def _binds(sign: str) -> int:
    return 1 if sign in ("+", "-") else 2


def _loose(value: Value) -> int:
    return _binds(value.sign) if isinstance(value, Arithmetic) else 3


def _inner(each: Value | Condition, *loose: type) -> str:
    return f"({each})" if isinstance(each, loose) else str(each)


@dataclass(frozen=True)
class Predicate:
    """A parsed predicate. Equal trees are equal, wherever and however they are written."""

    tree: Condition
    text: str = field(compare=False)
    span: Span = field(compare=False)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name in it, without `query.` and `key.`."""
        mentioned = {each.name for each in self.mentions()}
        return frozenset(mentioned.union(*(each.size.names for each in self.windows())))

    def mentions(self) -> Iterator[Flag | Coordinate]:
        """Every flag and coordinate in it, from left to right."""
        return (each for each in walk(self.tree) if isinstance(each, Flag | Coordinate))

    def windows(self) -> Iterator[Within]:
        """Every `within(n)` in it."""
        return (each for each in walk(self.tree) if isinstance(each, Within))

    def __str__(self) -> str:
        return str(self.tree)


def walk(tree: Value | Condition) -> Iterator[Value | Condition]:
    """A tree's nodes: each before what is in it, from left to right."""
    yield tree
    match tree:
        case And(parts) | Or(parts):
            for part in parts:
                yield from walk(part)
        case Not(part) | Absolute(part):
            yield from walk(part)
        case Compare(_, left, right) | Arithmetic(_, left, right):
            yield from walk(left)
            yield from walk(right)
        case _:
            return
