"""The greatest value of a size over a box."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from math import inf, prod

from tfspec.symbolic.dim import Dim
from tfspec.symbolic.errors import Indivisible
from tfspec.symbolic.intervals import Box, interval, never_negative

_CORNERS = 64
_POINTS = 4096


def greatest(size: Dim, box: Box) -> int | None:
    """The largest value in the box, or a bound above it, or None where none is known."""
    if size.constant is not None:
        return size.constant
    if not size.symbols <= box.keys():
        return None
    corner = max(_values(size, _corners(size, box)), default=None)
    if corner is not None and never_negative(corner - size, box):
        return corner
    if prod(box[name][1] - box[name][0] + 1 for name in size.symbols) <= _POINTS:
        return max(_values(size, _points(size, box)), default=None)
    high = interval(size, box)[1]
    return None if high == inf else int(high)


def _values(size: Dim, points: Iterator[dict[str, int]]) -> Iterator[int]:
    for point in points:
        try:
            yield size.value(point)
        except Indivisible:
            continue


def _corners(size: Dim, box: Box) -> Iterator[dict[str, int]]:
    names = sorted(size.symbols)
    ends = [[int(end) for end in box[name] if abs(end) != inf] for name in names]
    return (dict(zip(names, at, strict=True)) for at in islice(product(*ends), _CORNERS))


def _points(size: Dim, box: Box) -> Iterator[dict[str, int]]:
    names = sorted(size.symbols)
    axes = [range(int(box[name][0]), int(box[name][1]) + 1) for name in names]
    return (dict(zip(names, at, strict=True)) for at in product(*axes))
