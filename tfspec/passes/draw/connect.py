"""The way of a line from where a value is made to what reads it, found between all that stands.

It may begin at the value's trunk or at any line of the value that is drawn, and end at either side
of a box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tfspec.passes.draw.crossings import segments
from tfspec.passes.draw.grid import ALONG, FLOW, Grid, Stop, Wall
from tfspec.passes.draw.obstacles import Obstacles
from tfspec.passes.draw.shapes import Path, Point

if TYPE_CHECKING:
    from tfspec.passes.draw.layout import Placer, Target

_BEND = 2
"""What a bend costs, in channels."""
_FORK = {"cross": 0, "trunk": 1, "residual": 3}
"""What it costs to leave such a line elsewhere than where lines leave trunks, in bends."""
Led = Iterator[tuple[Stop, list[Point]]]
"""Where a way may begin, with what leads to it; or end, with what leads on."""


def connect(
    placer: Placer, target: Target, drawn: Sequence[Path], waiting: Iterable[Target]
) -> Path | None:
    """The line to a target; None where everything is walled in. `drawn` are the lines of its value,
    `waiting` the targets that get theirs later."""
    return _Way(placer, target, drawn, waiting).path()


class _Way:
    def __init__(
        self, placer: Placer, target: Target, drawn: Sequence[Path], waiting: Iterable[Target]
    ) -> None:
        self.placer, self.m, self.target, self.drawn = placer, placer.m, target, drawn
        self.source = placer.ends[target.source]
        self.trunk = _net(placer.out.paths, self.source, placer.m.point)
        self.obstacles = Obstacles(placer, target, [*drawn, *self.trunk], waiting)
        self.air, self.bend = self.obstacles.air, _BEND * self.m.channel

    def path(self) -> Path | None:
        goals, found = dict(self._goals()), self.obstacles
        walls = [*found.walls, *self._tips(goals.items())]
        places = found.places([*self._first, *(goal.place for goal in goals)])
        starts = dict(self._starts(places))
        way = Grid(places, walls, found.rails, found.shades, self.bend).way(starts, goals)
        if way is None:
            return None
        lead = next(each for stop, each in starts.items() if stop.place == way[0])
        tip = next(each for stop, each in goals.items() if stop.place == way[-1])
        points = _straight([*lead, *way, *tip])
        return Path(points, self.target.line, self.target.arrow, tap=not lead)

    # ---- where it begins
    @property
    def _first(self) -> tuple[Point, Point]:
        """Where it would leave a trunk that goes on, and where one that does not."""
        m, (x, end) = self.m, self.source
        return (x, end + m.tap - m.point), (x, end + m.gap - m.gap // 4 - m.point)

    def _starts(self, places: Sequence[Sequence[int]]) -> Led:
        """The end of a column, a trunk, and lines that are drawn."""
        (tap, leave), (x, end) = self._first, self.source
        if any(path.points[0] == self.source for path in self.trunk):
            yield Stop(tap, ALONG), []
        elif not self.drawn:
            yield Stop(leave, FLOW), [(x, end - self.m.point)]
        for path in (*self.drawn, *self.trunk):
            pieces = list(pairwise(path.points))
            if path.line == "residual":  # its end is another value's sum
                pieces.pop()
            else:  # straight on from a corner
                for stop in (Stop(at, axis) for at in path.points[1:-1] for axis in (ALONG, FLOW)):
                    yield replace(stop, price=_FORK[path.line] * self.bend), []
            for a, b in pieces:
                axis = ALONG if a[1] == b[1] else FLOW
                head = self.air.leads[0] if path.arrow and b == path.points[-1] else 0
                for place in self._between(a[axis], b[axis], head, places[axis]):
                    point = (place, a[1]) if axis == ALONG else (a[0], place)
                    yield Stop(point, 1 - axis, _FORK[path.line] * self.bend), []

    def _between(self, start: int, stop: int, head: int, places: Iterable[int]) -> Iterator[int]:
        """Places on a straight piece, but on its corners and the head of an arrow at its end."""
        toward = 1 if stop > start else -1
        low, high = sorted((start + toward * self.air.end, stop - toward * (self.air.end + head)))
        if abs(stop - start) >= 2 * self.air.end + head:
            yield from (place for place in places if low <= place <= high)

    # ---- where it ends
    def _goals(self) -> Led:
        """Each with the piece that leads from it to the target: into a box's side, or up."""
        target, point = self.target, self.m.point
        x, s = target.x, target.s
        if not target.sideways:
            yield Stop((x, s), FLOW), [(x, s + target.rises)]
            yield Stop((x, s), ALONG, self.bend), [(x, s + target.rises)]
            return
        rect = next(box.rect for box in self.placer.out.boxes if box.rect.holds((x, s)))
        for edge, way, price in ((x - point, -1, 0), (rect.right, 1, 2 * self.bend)):
            for lead in self.air.leads:
                if self.obstacles.is_free((edge + way * lead, s), (edge, s)):
                    yield Stop((edge + way * lead, s), ALONG, price), [(edge, s)]
                    break

    def _tips(self, goals: Iterable[tuple[Stop, list[Point]]]) -> Iterator[Wall]:
        """The last pieces into a box's sides, which nothing else uses."""
        for stop, (tip, *_) in goals:
            (low, s), (high, _) = sorted((stop.place, tip))
            yield Wall((low, s - 1), (high, s + 1))


def _net(paths: Sequence[Path], at: Point, point: int) -> list[Path]:
    """The lines of the trunk and its residuals that a value takes from where it is made on, and in
    a card to where that is; none where others end too."""
    (x, s), trunk = at, [path for path in paths if path.line != "cross"]
    net = [path for path in trunk if path.points[0] == at or path.points[-1] == (x, s - point)]
    for path in net:
        known = {id(each) for each in net}
        others = [each for each in trunk if id(each) not in known]
        for other in others:
            start = other.points[0]
            if _on(path, start) and not any(each.points[-1] == start for each in others):
                net.append(other)
    return net


def _on(path: Path, point: Point) -> bool:
    return any(
        left <= point[0] <= right and top <= point[1] <= bottom
        for left, right, top, bottom in segments(path)
    )


def _straight(points: Iterable[Point]) -> tuple[Point, ...]:
    """The ends and the corners alone."""
    found: list[Point] = []
    for point in points:
        if found and found[-1] == point:
            continue
        if len(found) > 1 and any(found[-2][a] == found[-1][a] == point[a] for a in (0, 1)):
            found.pop()
        found.append(point)
    return tuple(found) if len(found) > 1 else (*found, *found)  # the value goes by there
