"""What stands in the way of a line: boxes, words, cards, other lines, and where lines will end.

Lengths are in points, or in cells of a terminal, where a line is a cell wide.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfspec.passes.draw.crossings import headings, segments, word
from tfspec.passes.draw.grid import ALONG, FLOW, Rail, Shade, Wall
from tfspec.passes.draw.measure import Measure
from tfspec.passes.draw.shapes import Path, Point, Rect

if TYPE_CHECKING:
    from tfspec.passes.draw.layout import Placer, Target

_CROSSING, _SIDE, _INSIDE = 25, 2, 1.5
"""What it costs to cross a line and a card's side, in channels, and to run in a card, a length."""


@dataclass(frozen=True)
class Air:
    """How far a line keeps from boxes, and `better` keeps; from lines on each axis and their ends,
    where corners are round; from the sides of cards, and their corners. `leads` are how long its
    last piece is, with the head of an arrow, and how short it may be."""

    box: int
    better: int
    line: tuple[int, int]
    end: int
    side: tuple[int, int]
    corner: int
    leads: tuple[int, int]


def air(m: Measure) -> Air:
    """That of a page or a terminal: there rows are farther apart than columns."""
    if m.point:
        return Air(0, 1, (1, 2), 1, (1, 2), 1, (1, 0))
    return Air(3, 2 * m.channel // 3, (5, 5), 7, (3, 3), 9, (8, 5))


class Obstacles:
    """Those of one line; `own` are lines of its value, `waiting` what gets a line later."""

    def __init__(
        self, placer: Placer, target: Target, own: Sequence[Path], waiting: Iterable[Target]
    ) -> None:
        self.m, self.out, self.target, self.own = placer.m, placer.out, target, own
        self.air = air(placer.m)
        self.walls = [*self._things(), *map(self._kept, waiting), *self._above()]
        self.rails = [*self._lines(), *self._sides()]
        self.shades = list(self._cards())

    def _things(self) -> Iterator[Wall]:
        """Boxes and words."""
        out, m = self.out, self.m
        for box in out.boxes:
            yield self._wall(box.rect, self.air.box)
        words = [word(text, m) for text in out.texts]
        words += [rect for card in out.cards for rect in headings(card, m, m.up)]
        for rect in words:
            yield self._wall(rect, min(self.air.box, 1))

    def _wall(self, rect: Rect, near: int) -> Wall:
        low = near + self.m.point
        return Wall((rect.x - low, rect.y - low), (rect.right + near, rect.bottom + near))

    def _kept(self, other: Target) -> Wall:
        """The last piece of a line that comes later; one to a foot may lead on to the next foot."""
        x, s, (up, beside) = other.x, other.s, self.air.line
        if other.rises:
            below = 0 if other.source is self.target.source else up
            return Wall((x - beside, s - below), (x + beside, s + other.rises))
        lead = self.air.leads[0] + self.m.point
        return Wall((x - lead - beside, s - up), (x, s + up))

    def _above(self) -> Iterator[Wall]:
        """A foot, and the beginning of a trunk, are come to from below or from the side."""
        x, s, rises = self.target.x, self.target.s, self.target.rises
        if not self.target.sideways:
            yield Wall((x - 1, s), (x + 1, s + max(rises, *self.air.line)))

    def _lines(self) -> Iterator[Rail]:
        known = {id(path) for path in self.own}
        for path in self.out.paths:
            own = id(path) in known
            for left, right, top, bottom in () if self._goes_on(path) else segments(path):
                axis = ALONG if top == bottom and left < right else FLOW
                at, start, stop = (top, left, right) if axis == ALONG else (left, top, bottom)
                apart = self.air.line[axis]
                if own:
                    yield Rail(axis, at, start, stop, apart, 0, 0, 0, own)
                else:
                    wide, price = self.m.channel, _CROSSING * self.m.channel
                    yield Rail(axis, at, start, stop, apart, wide, self.air.end, price)

    def _goes_on(self, path: Path) -> bool:
        """Whether it goes on from the target."""
        x, s = path.points[0]
        end = self.target.s + self.target.rises + self.m.point
        return x == self.target.x and self.target.s <= s <= end

    def _sides(self) -> Iterator[Rail]:
        """The sides of cards, which lines cross at little cost."""
        wide, (up, beside), corner = self.m.channel, self.air.side, self.air.corner
        price = _SIDE * self.m.channel
        for card in self.out.cards:
            r, end = card.rect, self.m.point
            for at in (r.x, r.right - end):
                yield Rail(FLOW, at, r.y, r.bottom - end, beside, wide, corner, price)
            for at in (r.y, r.bottom - end):
                yield Rail(ALONG, at, r.x, r.right - end, up, wide, corner, price)

    def _cards(self) -> Iterator[Shade]:
        """Cards that it has no business in."""
        for card in self.out.cards:
            r = card.rect
            if not r.holds((self.target.x, self.target.s)):
                yield Shade((r.x, r.y), (r.right, r.bottom), _INSIDE)

    def is_free(self, point: Point, tip: Point) -> bool:
        """Whether it is in no wall, and no line is between it and a tip beside it."""
        (x, s), (low, high) = point, sorted((point[0], tip[0]))
        return not any(
            wall.low[0] < x < wall.high[0] and wall.low[1] < s < wall.high[1] for wall in self.walls
        ) and not any(
            rail.axis == FLOW and low <= rail.at <= high and rail.start < s < rail.stop
            for rail in self.rails
        )

    # ---- where lines may run
    def places(self, points: Sequence[Point]) -> tuple[list[int], list[int]]:
        """On each axis: those of these points and of the own lines; then what is well apart from
        boxes and lines, and what is between them."""
        across, along = (self._on(axis, [point[axis] for point in points]) for axis in (0, 1))
        return across, along

    def _on(self, axis: int, wanted: list[int]) -> list[int]:
        lows = sorted(wall.low[axis] for wall in self.walls)
        highs = sorted(wall.high[axis] for wall in self.walls)
        rails = [rail for rail in self.rails if rail.axis != axis]
        others, more = [rail for rail in rails if not rail.own], self.air.better - self.air.box
        near = [*(low - more for low in lows), *(high + more for high in highs)]
        near += [rail.at + way * rail.wide for rail in others for way in (-1, 1)]
        ends = [*wanted, *near]
        near += [min(ends) - self.m.channel, max(ends) + self.m.channel]
        for high in highs:
            at = bisect_left(lows, high)
            near += [(high + low) // 2 for low in lows[at : at + 1]]
        near += [rail.at + way * rail.air for rail in others for way in (-1, 1)]
        own = (rail.at for rail in rails if rail.own)
        return _thinned([*wanted, *own], near, 1 if self.m.point else 4)


def _thinned(wanted: Iterable[int], near: Iterable[int], apart: int) -> list[int]:
    """The places that are wanted, and of others those that are so far apart, the first ones."""
    found = sorted(set(wanted))
    for place in near:
        at = bisect_left(found, place)
        if all(abs(other - place) >= apart for other in found[max(at - 1, 0) : at + 1]):
            found.insert(at, place)
    return found
