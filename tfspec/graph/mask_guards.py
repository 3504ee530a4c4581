"""A predicate made total: a comparison asks first whether its coordinates are there, where it must.

Coordinates are computed from indices, and tokens without one get some number. That number does no
harm where the rest of the predicate decides: then no question is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tfspec.graph import mask_tree as mt
from tfspec.graph.mask_pairs import SIDES, Pair, Pairs, has
from tfspec.spec.predicate import Side

GARBAGE = mt.Member("key", frozenset())
"""Stands for a comparison of numbers that mean nothing."""

Guarded = tuple[Side, ...]
GUARDS: tuple[Guarded, ...] = ((), ("key",), ("query",), SIDES)
"""What to ask of a comparison's tokens, from little to much."""


def total(pairs: Pairs, tree: mt.Condition) -> mt.Answer:
    """The shortest condition that means the same and can be computed for every query and key."""
    plain = _shortened(pairs, tree)
    if isinstance(plain, bool):
        return plain
    chosen: dict[mt.Leaf, Guarded] = {}
    for leaf in dict.fromkeys(mt.leaves(plain)):
        if isinstance(leaf, mt.Compare):
            ways = (chosen | {leaf: guards} for guards in GUARDS)
            chosen = next(way for way in ways if _harmless(pairs, plain, way))
    return mt.replaced(plain, lambda leaf: _asked(pairs, leaf, chosen.get(leaf, ())))


def _shortened(pairs: Pairs, tree: mt.Condition) -> mt.Answer:
    """The condition without what makes no difference to the tokens of any part."""
    found: mt.Answer = tree
    while not isinstance(found, bool):
        same = [pairs.at(found, pair) for pair in pairs.all]
        shorter = (each for each in _without_one(found) if _comes_to(pairs, each, same))
        less = next(shorter, None)
        if less is None:
            break
        found = less
    return found


def _without_one(tree: mt.Condition) -> Iterator[mt.Answer]:
    """The condition with one of its leaves taken for true, or for false."""
    for asked, value in product(dict.fromkeys(mt.leaves(tree)), (True, False)):
        yield mt.replaced(tree, lambda each, leaf=asked, known=value: (
            known if each == leaf else each))  # fmt: skip


def _comes_to(pairs: Pairs, tree: mt.Answer, wanted: list[mt.Answer]) -> bool:
    """Whether that is what is left of the condition for each pair of parts."""
    each = zip(pairs.all, wanted, strict=True)
    return all(_at(pairs, tree, pair) == answer for pair, answer in each)


def _at(pairs: Pairs, tree: mt.Answer, pair: Pair) -> mt.Answer:
    return tree if isinstance(tree, bool) else pairs.at(tree, pair)


def _harmless(pairs: Pairs, tree: mt.Condition, chosen: dict[mt.Leaf, Guarded]) -> bool:
    """Whether these comparisons, asked no more than this, never decide with numbers of nothing."""
    for pair in pairs.all:

        def leaf(each: mt.Leaf, pair: Pair = pair) -> mt.Answer:
            passes = isinstance(each, mt.Compare) and each in chosen and not has(each, pair)
            if passes and _passes(pairs, each, chosen[each], pair):
                return GARBAGE
            return pairs.at(each, pair)

        left = mt.replaced(tree, leaf)
        if not isinstance(left, bool) and GARBAGE in mt.leaves(left):
            return False
    return True


def _passes(pairs: Pairs, leaf: mt.Leaf, guards: Guarded, pair: Pair) -> bool:
    """Whether tokens of these parts pass the guards of a comparison."""
    asked = _guards(pairs, leaf, guards)
    return all(pair[SIDES.index(guard.side)] in guard.parts for guard in asked)


def _guards(pairs: Pairs, leaf: mt.Leaf, guards: Guarded) -> list[mt.Member]:
    """On each guarded side: is the token in a part that has what is compared?"""
    if not isinstance(leaf, mt.Compare):
        return []
    there = [pair for pair in pairs.all if has(leaf, pair)]
    return [
        pairs.member(side, frozenset(pair[SIDES.index(side)] for pair in there)) for side in guards
    ]


def _asked(pairs: Pairs, leaf: mt.Leaf, guards: Guarded) -> mt.Answer:
    return mt.every([*_guards(pairs, leaf, guards), leaf])
