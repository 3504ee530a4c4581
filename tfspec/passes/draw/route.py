"""Cross edges: from where a value is made to the boxes of other places that read it."""

from __future__ import annotations

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
    m = placer.m
    x, end = placer.ends[target.source]
    leave = end + m.gap - m.gap // 4 - m.point
    if x < channel and target.s >= leave:
        points = ((x, end - m.point), (x, target.s), (target.x - m.point, target.s))
    else:
        points = (
            (x, end - m.point), (x, leave), (channel, leave), (channel, target.s),
            (target.x - m.point, target.s),
        )  # fmt: skip
    placer.out.paths.append(Path(points, target.line, target.arrow))
