"""A line that has to cross others passes under them: it is broken where it meets one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tfspec.passes.draw.crossings import Segment
from tfspec.passes.draw.measure import Measure
from tfspec.passes.draw.shapes import Path, Point


def broken(path: Path, others: Iterable[Segment], m: Measure) -> list[Path]:
    """A line in pieces: the first has its dot, the last its arrow."""
    over, gap = list(others), 1 if m.point else 3
    pieces: list[list[Point]] = [[path.points[0]]]
    for a, b in pairwise(path.points):
        axis = 0 if a[1] == b[1] else 1
        toward = 1 if b[axis] > a[axis] else -1
        for first, last in _gaps(sorted(_met(a, b, axis, over))[::toward], gap):
            pieces[-1].append(_at(a, axis, first - toward * gap))
            pieces.append([_at(a, axis, last + toward * gap)])
        pieces[-1].append(b)
    last = len(pieces) - 1
    return [
        Path(tuple(piece), path.line, path.arrow and at == last, path.tap and at == 0)
        for at, piece in enumerate(pieces)
    ]


def _met(a: Point, b: Point, axis: int, others: Iterable[Segment]) -> Iterator[int]:
    """Where others go across a straight piece: between its ends, and theirs."""
    low, high = min(a[axis], b[axis]), max(a[axis], b[axis])
    for left, right, top, bottom in others:
        along, across = (left, right), (top, bottom)
        (at, end), (start, stop) = (along, across) if axis == 0 else (across, along)
        if at == end and low < at < high and start < a[1 - axis] < stop:
            yield at


def _gaps(places: Sequence[int], gap: int) -> list[tuple[int, int]]:
    """The first and the last place that each gap is for: those that are close have one."""
    found: list[tuple[int, int]] = []
    for place in places:
        if found and abs(place - found[-1][1]) <= 2 * gap:
            found[-1] = found[-1][0], place
        else:
            found.append((place, place))
    return found


def _at(point: Point, axis: int, place: int) -> Point:
    return (place, point[1]) if axis == 0 else (point[0], place)
