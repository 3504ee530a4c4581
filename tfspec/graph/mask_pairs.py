"""A predicate asked of whole parts: what it is for the queries of one part and the keys of another.

There a membership is known, a coordinate is there or missing, and the order of two parts answers
`causal`. From that follows what needs no tensor, and whether every query sees a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product

from tfspec.graph import mask_tree as mt
from tfspec.graph.mask_bounds import Bounds, Coordinate, Loose
from tfspec.graph.places import start
from tfspec.graph.space import Space
from tfspec.spec.predicate import Side
from tfspec.symbolic import Dim
from tfspec.symbolic.claims import AtLeast
from tfspec.symbolic.facts import Facts

Pair = tuple[int, int]
"""The number of a query's part, and of a key's."""
SIDES: tuple[Side, Side] = ("query", "key")
CALLED: Mapping[Side, str] = {"query": "queries", "key": "keys"}


@dataclass(frozen=True)
class Pairs:
    """The queries' and the keys' tokens; `own` if they are the same.

    A predicate over the tokens of one value has these as its keys, and asks nothing of queries.
    """

    facts: Facts
    query: Space
    key: Space
    own: bool
    called: Mapping[Side, str] = field(default_factory=lambda: CALLED, compare=False)
    """What messages call the tokens of each side."""
    decided: dict[tuple[mt.Compare, tuple[Loose, ...]], bool | None] = field(
        default_factory=dict["tuple[mt.Compare, tuple[Loose, ...]]", "bool | None"],
        compare=False,
        repr=False,
    )
    """What comparisons of such coordinates came to: the way to the shortest predicate asks often,
    and indices are the same in all parts."""

    def space(self, side: Side) -> Space:
        return self.query if side == "query" else self.key

    @property
    def all(self) -> list[Pair]:
        """Every part of the queries with every part of the keys, by number."""
        return list(product(range(len(self.query.parts)), range(len(self.key.parts))))

    def member(self, side: Side, parts: frozenset[int]) -> mt.Member:
        """Whether a token is in one of these parts."""
        return mt.Member(side, parts, tuple(part.length for part in self.space(side).parts))

    def at(self, tree: mt.Condition, pair: Pair) -> mt.Answer:
        """What is left to ask of the queries of one part and the keys of another."""
        return mt.replaced(tree, partial(self._leaf, pair))

    def _leaf(self, pair: Pair, leaf: mt.Leaf) -> mt.Answer:
        query, key = pair
        match leaf:
            case mt.Causal() if query != key:
                return key < query
            case mt.Within(size):
                reach = AtLeast(size, self.query.length)
                return True if self.facts.proves(reach) else leaf
            case mt.Member(side, parts):
                return (query if side == "query" else key) in parts
            case mt.Flag(given):
                return leaf if has(given, pair) else True
            case mt.Compare():
                return self._compare(leaf, pair)
            case _:
                return leaf

    def _compare(self, leaf: mt.Compare, pair: Pair) -> mt.Answer:
        if not has(leaf, pair):
            return False
        read = (each for each in mt.numbers(leaf) if not isinstance(each, mt.Size))
        key = leaf, tuple(self._anywhere(pair, each) for each in read)
        if key not in self.decided:
            known = Bounds(self.facts, partial(self._anywhere, pair)).decide(leaf)
            self.decided[key] = known
        known = self.decided[key]
        return leaf if known is None else known

    def _anywhere(self, pair: Pair, number: Coordinate) -> Loose:
        """A coordinate of any token of a part: a name for it, and how many values it has."""
        match number:
            case mt.Given(name=name, values=values):
                return Loose(f"{'query' if number.query else 'key'}.{name}", values)
            case mt.Index(side):
                return Loose(f"{side}.pos", self.space(side).length)
            case mt.OnAxis(side, axis, places):
                part = pair[SIDES.index(side)]
                extent = next(place.extent for place in places if place.part == part)
                return Loose(f"{side}.{axis}", extent)

    def keeps_one(self, tree: mt.Condition) -> bool:
        """Whether every query is sure to see a key: itself, or the first of a part."""
        return all(self._sees(tree, part) for part in range(len(self.query.parts)))

    def _sees(self, tree: mt.Condition, part: int) -> bool:
        if self.own and mt.replaced(tree, partial(self._itself, part)) is True:
            return True
        firsts = ((part, key) for key in range(len(self.key.parts)))
        return any(mt.replaced(tree, partial(self._first, pair)) is True for pair in firsts)

    def _itself(self, part: int, leaf: mt.Leaf) -> mt.Answer:
        """Of a token and itself."""
        if isinstance(leaf, mt.Causal | mt.Within):
            return True
        if not isinstance(leaf, mt.Compare) or not has(leaf, (part, part)):
            return self._leaf((part, part), leaf)

        def known(number: Coordinate) -> Loose:
            loose = self._anywhere((part, part), number)
            return Loose(loose.name.partition(".")[2], loose.count)

        answer = Bounds(self.facts, known).decide(leaf)
        return leaf if answer is None else answer

    def _first(self, pair: Pair, leaf: mt.Leaf) -> mt.Answer:
        """Of any query of a part, and the first key of another."""
        if isinstance(leaf, mt.Causal):
            return pair[1] <= pair[0]
        if not isinstance(leaf, mt.Compare) or not has(leaf, pair):
            return self._leaf(pair, leaf)

        def known(number: Coordinate) -> Dim | Loose:
            if isinstance(number, mt.Given) or number.side == "query":
                return self._anywhere(pair, number)
            return start(self.key, pair[1]) if isinstance(number, mt.Index) else Dim.of(0)

        answer = Bounds(self.facts, known).decide(leaf)
        return leaf if answer is None else answer


def has(leaf: mt.Compare | mt.Given, pair: Pair) -> bool:
    """Whether the tokens of these parts have all that is asked of them."""
    asked = product(mt.numbers(leaf), zip(SIDES, pair, strict=True))
    return all(_has(number, side, part) for number, (side, part) in asked)


def _has(number: mt.Size | mt.Index | mt.OnAxis | mt.Given, side: Side, part: int) -> bool:
    """Whether tokens of a part have this, if it is asked of their side."""
    match number:
        case mt.OnAxis(own, _, places) if own == side:
            return any(place.part == part for place in places)
        case mt.Given() if grids := number.grids(side):
            return any(grid.part == part for grid in grids)
        case _:
            return True
