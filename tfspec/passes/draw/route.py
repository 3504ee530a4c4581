"""Cross edges: from where a value is made to the boxes of other places that read it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.parts import Series, boxes, jumps
from tfspec.passes.draw.shapes import Path

if TYPE_CHECKING:
    from tfspec.passes.draw.layout import Placer, Target


def channels(column: Series) -> int:
    """How many values come to a column from elsewhere: each has a channel at its left."""
    return len(_sources(column))


def _sources(column: Series) -> list[Tensor]:
    read = [tensor for box in boxes(column) for tensor in box.reads]
    return list(dict.fromkeys([*read, *(jump.source for jump in jumps(column))]))


def route(placer: Placer, sides: list[int]) -> None:
    """Draw every cross edge; `sides` are the left ends of the columns."""
    taken: dict[tuple[int, Tensor], int] = {}
    for target in placer.targets:
        if target.source not in placer.ends:
            continue
        column = max(at for at, side in enumerate(sides) if side <= target.x)
        used = sum(1 for at, _ in taken if at == column)
        number = taken.setdefault((column, target.source), used)
        channel = sides[column] - placer.m.channel * (number + 1)
        _draw(placer, target, channel)


def _draw(placer: Placer, target: Target, channel: int) -> None:
    """By the shortest way that is free: straight up and across, across, or along a channel."""
    m = placer.m
    x, end = placer.ends[target.source]
    tap = end + m.tap - m.point
    last = (target.x - m.point * target.arrow, target.s)
    start = (x, end - m.point)
    if x < channel and target.s > tap:
        points = (start, (x, target.s), last)
    elif target.s == tap and _is_free(placer, x, target.x, tap):
        points = ((x, tap), last)
    else:
        leave = end + m.gap - m.gap // 4 - m.point if _is_end(placer, x, end) else tap
        points = (start, (x, leave), (channel, leave), (channel, target.s), last)
    placer.out.paths.append(Path(points, target.line, target.arrow, tap=len(points) == 2))


def _is_end(placer: Placer, x: int, s: int) -> bool:
    """Whether nothing goes on from here along the trunk."""
    return not any(path.points[0] == (x, s) for path in placer.out.paths)


def _is_free(placer: Placer, x: int, other: int, s: int) -> bool:
    """Whether a line across meets no box and no other line on its way."""
    low, high = min(x, other), max(x, other)
    rects = (box.rect for box in placer.out.boxes)
    boxed = any(r.x < high and low < r.right and r.y <= s <= r.bottom for r in rects)
    return not boxed and not any(
        low < a[0] == b[0] < high and min(a[1], b[1]) <= s <= max(a[1], b[1])
        for path in placer.out.paths
        for a, b in pairwise(path.points)
    )
