"""Where lines that bend pass through each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise

from tfspec.passes.draw.shapes import Curve, Place, Rect

_STEPS = 8
"""Straight pieces that a bent one is taken as."""
_EDGE = 2
"""How far a line may be within what it ends at, in points."""


def crossings(curves: Iterable[Curve]) -> int:
    """How many pairs of lines go through each other; those that part at one place do not count."""
    each = [(curve.points[0], list(_corners(curve.points))) for curve in curves]
    return sum(
        _cross(one, other)
        for (start, one), (begin, other) in combinations(each, 2)
        if start != begin and _near(one, other)
    )


def before_tip(curve: Curve, far: int) -> float:
    """On which side a line comes: where it is so far along the flow before its tip, or begins."""
    corners = list(_corners(curve.points))
    _, tip = corners[-1]
    return next((x for x, s in reversed(corners) if tip - s >= far), corners[0][0])


def _corners(points: Sequence[Place]) -> Iterator[Place]:
    """Places along a line: a start, then two controls and an end for each piece, then a tip."""
    yield points[0]
    for at in range(0, len(points) - 3, 3):
        a, b, c, d = points[at : at + 4]
        for step in range(1, _STEPS + 1):
            t = step / _STEPS
            u = 1 - t
            four = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            parts = list(zip(four, (a, b, c, d), strict=True))
            yield sum(k * x for k, (x, _) in parts), sum(k * s for k, (_, s) in parts)
    yield points[-1]


def go_through(curves: Iterable[Curve], areas: Sequence[Rect]) -> bool:
    """Whether a line runs in one of these areas, by more than the head of its arrow."""
    return any(
        area.x + _EDGE < x < area.right - _EDGE and area.y + _EDGE < s < area.bottom - _EDGE
        for curve in curves
        for x, s in _corners(curve.points)
        for area in areas
    )


def _near(one: Sequence[Place], other: Sequence[Place]) -> bool:
    """Whether the areas that two lines take up overlap."""
    return all(
        max(min(p[axis] for p in one), min(p[axis] for p in other))
        <= min(max(p[axis] for p in one), max(p[axis] for p in other))
        for axis in (0, 1)
    )


def _cross(one: Sequence[Place], other: Sequence[Place]) -> bool:
    pieces = ((first, second) for first in pairwise(one) for second in pairwise(other))
    return any(
        _parts(first, *second) and _parts(second, *first)
        for first, second in pieces
        if not set(first).intersection(second)
    )


def _parts(line: tuple[Place, Place], p: Place, q: Place) -> bool:
    """Whether two places lie on two sides of a line."""
    return (_side(*line, p) > 0) != (_side(*line, q) > 0)


def _side(a: Place, b: Place, p: Place) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
