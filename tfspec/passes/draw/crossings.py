"""Where lines of a laid-out figure pass through each other, or through a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise

from tfspec.passes.draw.measure import Measure
from tfspec.passes.draw.shapes import CardShape, Path, Rect, Text

Segment = tuple[int, int, int, int]
"""Its left and right end, and its upper and lower one: along one axis two of them are equal."""


def any_cross(paths: Iterable[Path]) -> bool:
    """Whether two lines cross, or lie on each other for a while."""
    each = [list(_segments(path)) for path in paths]
    pairs = ((a, b) for one, other in combinations(each, 2) for a in one for b in other)
    return any(_through(a, b) or _through(b, a) or _along(a, b) for a, b in pairs)


def runs_over(paths: Iterable[Path], text: Text, m: Measure) -> bool:
    """Whether a line lies on a word."""
    width, half = m.width(text.text, text.role), m.name // 2
    left = {"start": text.x, "middle": text.x - m.half(width), "end": text.x - width}[text.anchor]
    return meets(paths, Rect(left, text.y - half, width, 2 * half + m.point), m)


def heading(card: CardShape, m: Measure) -> Rect:
    """Where a card's title stands, along the flow: at the end of the card that is its top."""
    width = m.width(card.title, "card") + m.frame if card.title else 0
    top = card.rect.bottom - m.header if m.up else card.rect.y
    return Rect(card.rect.x, top, width, m.header)


def meets(paths: Iterable[Path], area: Rect, m: Measure) -> bool:
    """Whether a line goes through an area: in a terminal a line is a cell wide."""
    wide = Rect(area.x - m.point, area.y - m.point, area.w + m.point, area.h + m.point)
    return any(_meets(segment, wide) for path in paths for segment in _segments(path))


def _segments(path: Path) -> Iterator[Segment]:
    for (x, s), (to_x, to_s) in pairwise(path.points):
        yield min(x, to_x), max(x, to_x), min(s, to_s), max(s, to_s)


def _through(flat: Segment, steep: Segment) -> bool:
    """Where one only touches the other, it ends."""
    level, column = flat[2] == flat[3], steep[0] == steep[1]
    across = flat[0] < steep[0] < flat[1] and steep[2] < flat[2] < steep[3]
    return level and column and across


def _along(a: Segment, b: Segment) -> bool:
    if a[0] == a[1] == b[0] == b[1]:
        return min(a[3], b[3]) > max(a[2], b[2])
    return a[2] == a[3] == b[2] == b[3] and min(a[1], b[1]) > max(a[0], b[0])


def _meets(segment: Segment, area: Rect) -> bool:
    left, right, top, bottom = segment
    beside = right <= area.x or area.right <= left
    return not beside and not (bottom <= area.y or area.bottom <= top)
