"""A grid of the places between boxes, words and lines, and the shortest way through it.

What a way costs is its length, a price for each bend and a high one for each line that it crosses,
as in Wybrow et al. 2009.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from math import inf

from tfspec.passes.draw.shapes import Point

ALONG, FLOW = 0, 1
"""The axes: of lines from side to side, and of those with the flow."""
Node = tuple[int, int, int]
"""A place by its numbers, and the axis of the line that is there."""
_END: Node = (-1, -1, 0)


@dataclass(frozen=True)
class Wall:
    """What no line enters: between two places on each axis, which are free themselves."""

    low: Point
    high: Point


@dataclass(frozen=True)
class Rail:
    """A straight line on an axis, from `start` to `stop`, `at` a place of the other one.

    Others keep `air` from it; so near as `wide` they cost more. They cross it at a `price`, though
    not nearer than `clear` to its ends. A way begins at `own` ones.
    """

    axis: int
    at: int
    start: int
    stop: int
    air: int
    wide: int
    clear: int
    price: float
    own: bool = False


@dataclass(frozen=True)
class Shade:
    """Where a line costs more for its length: `price` of it again."""

    low: Point
    high: Point
    price: float


@dataclass(frozen=True)
class Stop:
    """Where a way may begin or end, on a line of which axis, and what that costs."""

    place: Point
    axis: int
    price: float = 0


class _Left:
    """No more than what it costs from a place to the nearest end: how far it is on each axis, and
    how often a line has to turn."""

    def __init__(self, grid: Grid, ends: Mapping[Node, float]) -> None:
        self.far = [
            [min(abs(place - places[end[axis]]) for end in ends) for place in places]
            for axis, places in enumerate(grid.places)
        ]
        self.least = [
            [min(_turns(axis, far, end) * grid.bend + cost for end, cost in ends.items())
             for far in ((False, False), (False, True), (True, False), (True, True))]
            for axis in (ALONG, FLOW)
        ]  # fmt: skip

    def of(self, node: Node) -> float:
        x, s, axis = node
        if x < 0:
            return 0
        far, ahead = self.far[ALONG][x], self.far[FLOW][s]
        return far + ahead + self.least[axis][2 * (far > 0) + (ahead > 0)]


def _turns(axis: int, far: tuple[bool, bool], end: Node) -> int:
    """Between a line on an axis and an end that is or is not elsewhere on each axis."""
    if axis != end[2]:
        return 1
    return 2 if far[1 - axis] else 0


class Grid:
    """The places where lines may run; what each step costs is found when one comes by."""

    def __init__(
        self,
        places: tuple[Iterable[int], Iterable[int]],
        walls: Sequence[Wall],
        rails: Sequence[Rail],
        shades: Sequence[Shade],
        bend: float,
    ) -> None:
        self.places = sorted(set(places[0])), sorted(set(places[1]))
        self.walls, self.rails, self.shades, self.bend = walls, rails, shades, bend
        self._steps: dict[tuple[int, int], list[float]] = {}

    def way(self, starts: Iterable[Stop], goals: Iterable[Stop]) -> list[Point] | None:
        """The cheapest way from a start to a goal, its corners; of equal ones always the same."""
        ends = {self._node(goal): goal.price for goal in goals}
        if not ends:
            return None
        left = _Left(self, ends)
        shut = set(self._own())
        best: dict[Node, float] = {}
        before: dict[Node, Node] = {}
        waiting: list[tuple[float, float, Node, Node]] = []
        for start in starts:
            node = self._node(start)
            heappush(waiting, (start.price + left.of(node), start.price, node, node))
        while waiting:
            _, cost, node, last = heappop(waiting)
            if node in before:
                continue
            before[node] = last
            if node == _END:
                return self._corners(last, before)
            for step, following in self._from(node, ends):
                price = cost + step
                if following[:2] in shut or following in before:
                    continue
                if price < best.get(following, inf):
                    best[following] = price
                    heappush(waiting, (price + left.of(following), price, following, node))
        return None

    def _own(self) -> Iterator[Point]:
        """The nodes on lines of the value itself, where a way can begin, but not lead to."""
        for rail in self.rails:
            if rail.own:
                across = bisect_left(self.places[1 - rail.axis], rail.at)
                along = self.places[rail.axis]
                for at in range(bisect_left(along, rail.start), bisect_right(along, rail.stop)):
                    yield (at, across) if rail.axis == ALONG else (across, at)

    def _node(self, stop: Stop) -> Node:
        x, s = (bisect_left(each, at) for each, at in zip(self.places, stop.place, strict=True))
        return x, s, stop.axis

    def _from(self, node: Node, ends: Mapping[Node, float]) -> Iterator[tuple[float, Node]]:
        """Where a line may go on from here: a step back or ahead, or round a corner."""
        x, s, axis = node
        if node in ends:
            yield ends[node], _END
        yield self.bend, (x, s, 1 - axis)
        at, row = (x, s) if axis == ALONG else (s, x)
        steps = self._row(axis, row)
        if at > 0 and steps[at - 1] < inf:
            yield steps[at - 1], (x - 1, s, axis) if axis == ALONG else (x, s - 1, axis)
        if at < len(steps) and steps[at] < inf:
            yield steps[at], (x + 1, s, axis) if axis == ALONG else (x, s + 1, axis)

    def _corners(self, node: Node, before: dict[Node, Node]) -> list[Point]:
        nodes = [node]
        while before[nodes[-1]] != nodes[-1]:
            nodes.append(before[nodes[-1]])
        nodes.reverse()
        turns = [a for a, b in pairwise(nodes) if a[2] != b[2]]
        ends = [nodes[0], *turns, nodes[-1]]
        points = [(self.places[0][x], self.places[1][s]) for x, s, _ in ends]
        return [point for at, point in enumerate(points) if at == 0 or point != points[at - 1]]

    # ---- what steps cost
    def _row(self, axis: int, row: int) -> list[float]:
        """What each step costs on a straight line through the grid."""
        if (axis, row) not in self._steps:
            self._steps[axis, row] = self._measured(axis, self.places[1 - axis][row])
        return self._steps[axis, row]

    def _measured(self, axis: int, row: int) -> list[float]:
        places = self.places[axis]
        steps: list[float] = [b - a for a, b in pairwise(places)]
        for shade in self.shades:
            if shade.low[1 - axis] < row < shade.high[1 - axis]:
                for at in _between(places, shade.low[axis], shade.high[axis]):
                    steps[at] += (places[at + 1] - places[at]) * shade.price
        for wall in self.walls:
            if wall.low[1 - axis] < row < wall.high[1 - axis]:
                self._close(steps, places, wall.low[axis], wall.high[axis])
        for rail in self.rails:
            if rail.axis == axis:
                self._beside(steps, places, row, rail)
            elif rail.start - rail.air < row < rail.stop + rail.air:
                self._across(steps, places, row, rail)
        return steps

    @staticmethod
    def _close(steps: list[float], places: Sequence[int], low: int, high: int) -> None:
        """Nothing runs between these two places."""
        for at in _between(places, low, high):
            steps[at] = inf

    def _beside(self, steps: list[float], places: Sequence[int], row: int, rail: Rail) -> None:
        away = abs(row - rail.at)
        if away < rail.air:
            more = 0 if rail.own else rail.air
            self._close(steps, places, rail.start - more, rail.stop + more)
        elif away < rail.wide:
            for at in _between(places, rail.start, rail.stop):
                steps[at] += (places[at + 1] - places[at]) * (1 - away / rail.wide) / 4

    def _across(self, steps: list[float], places: Sequence[int], row: int, rail: Rail) -> None:
        """The step on which a rail is crossed, or that which would lead to it."""
        crossed = rail.start + rail.clear <= row <= rail.stop - rail.clear
        at = bisect_right(places, rail.at) - 1
        if crossed and 0 <= at < len(steps):
            steps[at] += rail.price
        elif not crossed and not rail.own:
            self._close(steps, places, rail.at - 1, rail.at + 1)


def _between(places: Sequence[int], low: int, high: int) -> range:
    """The steps that reach between two places."""
    first, behind = bisect_right(places, low) - 1, bisect_left(places, high)
    return range(max(first, 0), min(behind, len(places) - 1))
