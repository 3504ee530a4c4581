"""Lines as SVG paths: corners rounded, and heads of arrows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfspec.passes.draw.shapes import Place, Point

HEAD = 5.5
"""How long an arrow's head is."""
_WING = 2.4 / HEAD


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _toward(a: Place, b: Place, length: float) -> Place:
    """The point so far from a on the way to b; lines run along the axes."""
    whole = abs(b[0] - a[0]) + abs(b[1] - a[1])
    share = length / whole
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def shortened(points: Sequence[Point]) -> list[Place]:
    return [*points[:-1], _toward(points[-1], points[-2], HEAD - 1)]


def rounded(points: Sequence[Place], radius: float) -> str:
    """Straight lines whose corners are arcs of at most this radius."""
    parts = [f"M{_pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        sides = (abs(p[0] - corner[0]) + abs(p[1] - corner[1]) for p in (before, after))
        r = min(radius, *(side / 2 for side in sides))
        if r > 0:
            start, end = _toward(corner, before, r), _toward(corner, after, r)
            parts.append(f"L{_pair(start)}Q{_pair(corner)} {_pair(end)}")
        else:
            parts.append(f"L{_pair(corner)}")
    return "".join([*parts, f"L{_pair(points[-1])}"])


def _pair(point: Place) -> str:
    return f"{number(point[0])} {number(point[1])}"


def bent(points: Sequence[Place]) -> str:
    """Bézier curves through a start and three points for each piece; the tip is left out."""
    pieces = (points[at : at + 3] for at in range(1, len(points) - 1, 3))
    return f"M{_pair(points[0])}" + "".join(f"C{' '.join(map(_pair, each))}" for each in pieces)


def head(points: Sequence[Place]) -> str:
    tip, before = points[-1], points[-2]
    share = HEAD / math.dist(tip, before)
    ahead = share * (tip[0] - before[0]), share * (tip[1] - before[1])
    x, y = tip[0] - ahead[0], tip[1] - ahead[1]
    across = -ahead[1] * _WING, ahead[0] * _WING
    wings = ((x + across[0], y + across[1]), (x - across[0], y - across[1]))
    return f"M{_pair(wings[0])}L{_pair(tip)}L{_pair(wings[1])}Z"
