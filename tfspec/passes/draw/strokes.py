"""Lines as SVG paths: corners rounded, and heads of arrows."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.passes.draw.shapes import Point

Place = tuple[float, float]
HEAD = 5.5
"""How long an arrow's head is."""


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


def head(points: Sequence[Point]) -> str:
    tip, before = points[-1], points[-2]
    x, y = _toward(tip, before, HEAD)
    across = (0, 2.4) if x != tip[0] else (2.4, 0)
    wings = ((x + across[0], y + across[1]), (x - across[0], y - across[1]))
    return f"M{_pair(wings[0])}L{_pair(tip)}L{_pair(wings[1])}Z"
