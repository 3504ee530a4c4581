"""Predicates of the graph: conditions over a query and a key, whose names have been looked up.

What a token has is said by its index among the attended tokens, or by an input of the model, so
that a tree can be computed wherever the indices of queries and keys are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tfspec.diagnostics import Span
from tfspec.graph.places import Place
from tfspec.spec.predicate import Comparison, Side
from tfspec.symbolic import Dim, product

# ---- numbers


@dataclass(frozen=True, slots=True)
class Size:
    """A number, or a size of the spec."""

    size: Dim


@dataclass(frozen=True, slots=True)
class Index:
    """A token's index among its side's tokens."""

    side: Side


@dataclass(frozen=True, slots=True)
class OnAxis:
    """A token's coordinate on an axis; only tokens of some parts have it."""

    side: Side
    axis: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """How an input's axes lie on one part: the part's own axes, and which of them it has."""

    part: int
    start: Dim
    total: Dim
    sizes: tuple[Dim, ...]
    has: tuple[bool, ...]

    @property
    def length(self) -> Dim:
        return product(self.sizes)

    @property
    def plain(self) -> bool:
        """One axis, for all of the tokens."""
        return self.has == (True,) and self.length == self.total


@dataclass(frozen=True, slots=True)
class Given:
    """What an input says of a token, or of a query and a key together.

    `order` puts its axes into the order batch, query, key; `batch` has a `b` for each batch axis
    of the tokens that it has, and a `1` for every other. `values`: below what ids are.
    """

    name: str
    order: tuple[int, ...]
    batch: str
    query: tuple[Grid, ...]
    key: tuple[Grid, ...]
    values: Dim | None
    span: Span = field(compare=False)

    def grids(self, side: Side) -> tuple[Grid, ...]:
        return self.query if side == "query" else self.key

    @property
    def plain(self) -> bool:
        """One number a token of one side, in the tokens' own order."""
        alone = len(self.query) + len(self.key) == 1
        in_order = self.order == tuple(range(len(self.order))) and "1" not in self.batch
        return alone and in_order and all(grid.plain for grid in (*self.query, *self.key))

    def __str__(self) -> str:
        sides = [side for side, grids in (("query", self.query), ("key", self.key)) if grids]
        return self.name if len(sides) == 2 else f"{sides[0]}.{self.name}"


@dataclass(frozen=True, slots=True)
class Absolute:
    """abs(value)."""

    value: Number


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers and a sign: + - * // %."""

    sign: str
    left: Number
    right: Number


# ---- conditions


@dataclass(frozen=True, slots=True)
class Causal:
    """Key index <= query index."""


@dataclass(frozen=True, slots=True)
class Within:
    """|query index - key index| < size."""

    size: Dim


@dataclass(frozen=True, slots=True)
class Member:
    """Whether a token is in one of some parts, given by number; `lengths` are those of all."""

    side: Side
    parts: frozenset[int]
    lengths: tuple[Dim, ...] = ()

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The parts as runs of neighbours: from one number to before another."""
        firsts = [part for part in sorted(self.parts) if part - 1 not in self.parts]
        lasts = [part for part in sorted(self.parts) if part + 1 not in self.parts]
        return [(first, last + 1) for first, last in zip(firsts, lasts, strict=True)]

    @property
    def others(self) -> Member:
        """Whether it is in none of them."""
        return Member(self.side, frozenset(range(len(self.lengths))) - self.parts, self.lengths)


@dataclass(frozen=True, slots=True)
class Flag:
    """What a bool input says; true of tokens that it says nothing of."""

    given: Given


@dataclass(frozen=True, slots=True)
class Compare:
    """Two numbers compared; false where a token lacks one of them."""

    sign: Comparison
    left: Number
    right: Number


@dataclass(frozen=True, slots=True)
class Not:
    """Not the condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All of the conditions, at least two."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the conditions, at least two."""

    conditions: tuple[Condition, ...]


Number = Size | Index | OnAxis | Given | Absolute | Arithmetic
Leaf = Causal | Within | Member | Flag | Compare
Condition = Leaf | Not | And | Or
Answer = Condition | bool
"""What is left to ask, or what is known."""


def leaves(tree: Condition) -> Iterator[Leaf]:
    """The conditions that are not made of others, from left to right."""
    match tree:
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield tree


def numbers(leaf: Leaf | Number) -> Iterator[Size | Index | OnAxis | Given]:
    """What a leaf computes with, from left to right."""
    match leaf:
        case Compare(_, left, right) | Arithmetic(_, left, right):
            yield from numbers(left)
            yield from numbers(right)
        case Absolute(inner) | Flag(inner):
            yield from numbers(inner)
        case Size() | Index() | OnAxis() | Given():
            yield leaf
        case _:
            return


def replaced(tree: Condition, leaf: Callable[[Leaf], Answer]) -> Answer:
    """The tree with another answer for each leaf; what is known by that is left out."""
    match tree:
        case And(parts):
            return every([replaced(part, leaf) for part in parts])
        case Or(parts):
            return some([replaced(part, leaf) for part in parts])
        case Not(part):
            inner = replaced(part, leaf)
            if isinstance(inner, Not | Member):
                return inner.condition if isinstance(inner, Not) else inner.others
            return not inner if isinstance(inner, bool) else Not(inner)
        case _:
            return leaf(tree)


def every(parts: Sequence[Answer]) -> Answer:
    """All of these."""
    return _joined(And, parts, True)


def some(parts: Sequence[Answer]) -> Answer:
    """Any of these."""
    return _joined(Or, parts, False)


def _joined(kind: type[And] | type[Or], parts: Sequence[Answer], neutral: bool) -> Answer:
    if (not neutral) in parts:
        return not neutral
    left: dict[Condition, None] = {}
    for part in parts:
        if not isinstance(part, bool):
            left.update(dict.fromkeys(part.conditions if isinstance(part, kind) else (part,)))
    if any(isinstance(part, Not) and part.condition in left for part in left):
        return not neutral  # something and its opposite
    return neutral if not left else next(iter(left)) if len(left) == 1 else kind(tuple(left))
