"""Where lines of a laid-out figure pass through each other, or through a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise

from tfspec.passes.draw.measure import Measure, Style
from tfspec.passes.draw.shapes import CardShape, Layout, Path, Point, Rect, Text

Segment = tuple[int, int, int, int]
"""Its left and right end, and its upper and lower one: along one axis two of them are equal."""


def any_cross(paths: Iterable[Path]) -> bool:
    """Whether two lines cross, or lie on each other for a while."""
    each = [list(segments(path)) for path in paths]
    pairs = ((a, b) for one, other in combinations(each, 2) for a in one for b in other)
    return any(_through(a, b) or _through(b, a) or _along(a, b) for a, b in pairs)


def tangled(layout: Layout, m: Measure) -> bool:
    """Whether lines of a page cross, or one goes through a box or a word."""
    rects = [box.rect for box in layout.boxes] + [_letters(text, m) for text in layout.texts]
    rects += [rect for card in layout.cards for rect in headings(card, m, up=False)]
    return any_cross(layout.paths) or any(meets(layout.paths, rect, m) for rect in rects)


def runs_over(paths: Iterable[Path], text: Text, m: Measure) -> bool:
    """Whether a line lies on a word."""
    return meets(paths, word(text, m), m)


def word(text: Text, m: Measure) -> Rect:
    """What a word covers."""
    width, half = m.width(text.text, text.role), m.name // 2
    left = {"start": text.x, "middle": text.x - m.half(width), "end": text.x - width}[text.anchor]
    return Rect(left, text.y - half, width, 2 * half + m.point)


def _letters(text: Text, m: Measure) -> Rect:
    """What a word covers, without the air above and below it."""
    r, more = word(text, m), m.beside // 2
    return Rect(r.x, r.y + more, r.w, r.h - 2 * more)


def headings(card: CardShape, m: Measure, up: bool) -> Iterator[Rect]:
    """What the words on a card's edge cover: its title, and how many of it there are."""
    r = card.rect
    inset, length = (2, 1) if m.point else (8, m.header + 1)
    s = r.bottom - length if up else r.y
    words: list[tuple[str, Style]] = [(card.title, "card")]
    words.append((f"× {card.count}" if card.count > 1 else "", "count"))
    for at, (text, style) in enumerate(words):
        width = m.width(text, style) + 2 * m.point
        if text:
            yield Rect(r.right - inset - width if at else r.x + inset, s, width, length)


def meets(paths: Iterable[Path], area: Rect, m: Measure) -> bool:
    """Whether a line goes through an area: in a terminal a line is a cell wide."""
    wide = Rect(area.x - m.point, area.y - m.point, area.w + m.point, area.h + m.point)
    return any(_meets(a, b, wide) for path in paths for a, b in pairwise(path.points))


def segments(path: Path) -> Iterator[Segment]:
    """Its straight pieces."""
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


def _meets(a: Point, b: Point, area: Rect) -> bool:
    across = min(a[0], b[0]) < area.right and area.x < max(a[0], b[0])
    return across and min(a[1], b[1]) < area.bottom and area.y < max(a[1], b[1])
