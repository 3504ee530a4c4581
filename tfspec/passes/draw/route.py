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
    """Draw every cross edge; `sides` are the left ends of the columns.

    The channel of the highest target is nearest to it, so that edges do not cross.
    """
    numbers: dict[tuple[int, Tensor], int] = {}
    for target in sorted(placer.targets, key=lambda each: -each.s):
        column = max(at for at, side in enumerate(sides) if side <= target.x)
        taken = sum(1 for at, _ in numbers if at == column)
        number = numbers.setdefault((column, target.source), taken)
        _draw(placer, target, sides[column] - placer.m.channel * (number + 1))


def _draw(placer: Placer, target: Target, channel: int) -> None:
    """By the shortest way that is free: straight up and across, across, or along a channel."""
    m = placer.m
    x, end = placer.ends[target.source]
    last = (target.x - m.point * target.arrow, target.s)
    tap = end + m.tap - m.point
    if not _is_end(placer, x, end):
        across = target.s == tap and _is_free(placer, x, target.x, tap)
        bend = () if across else ((channel, tap), (channel, target.s))
        points = ((x, tap), *bend, last)
        placer.out.paths.append(Path(points, target.line, target.arrow, tap=True))
        return
    leave = end + m.gap - m.gap // 4 - m.point
    if x < channel and target.s >= leave:
        bend = ((x, target.s),)
    else:
        bend = ((x, leave), (channel, leave), (channel, target.s))
    placer.out.paths.append(Path(((x, end - m.point), *bend, last), target.line, target.arrow))


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
