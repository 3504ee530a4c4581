"""A figure on its page: columns side by side, the edges between them, and the way it is turned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import TypeVar

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.crossings import runs_over
from tfspec.passes.draw.layout import Block, Placer, Shares
from tfspec.passes.draw.measure import BAR_GAP, Measure
from tfspec.passes.draw.parts import Box, Figure, Series, jumps, made_by
from tfspec.passes.draw.route import channels, route, sources
from tfspec.passes.draw.shapes import Bars, BoxShape, CardShape, Layout, Path, Rect, Text

Shape = TypeVar("Shape", BoxShape, CardShape)


def place(
    figure: Figure, m: Measure, shares: Shares | None = None, shared: Collection[Box] = ()
) -> Layout:
    """The layout of a figure, y growing downwards, its upper left corner at 0, 0."""
    return Measured(figure, m, shares or {}, shared).layout()


@dataclass(frozen=True)
class _Column:
    """A column with its block; over the edge that leaves it for others, its `exit`, may stand the
    shape of what it makes, which reaches `half` to each side."""

    series: Series
    block: Block
    exit: str = ""
    half: int = 0

    @property
    def left(self) -> int:
        return max(self.block.left, self.half)

    @property
    def right(self) -> int:
        return max(self.block.right, self.half)


class Measured:
    """The columns of a figure, side by side, each of known size, before anything is drawn."""

    def __init__(
        self, figure: Figure, m: Measure, shares: Shares, shared: Collection[Box] = ()
    ) -> None:
        tapped = {tensor for column in figure.columns for tensor in sources(column)}
        self.placer = Placer(m, shares, shared=shared, tapped=tapped)
        self.columns = _in_order(self.placer, figure)

    @property
    def least(self) -> tuple[int, int]:
        """What the layout's width and height are at least: lines between columns, and shapes over
        what leaves them, may take more. A name at an end may be a point smaller than its block."""
        blocks = [column.block for column in self.columns]
        between = self.placer.m.column * (len(blocks) - 1)
        width = sum(block.left + block.right for block in blocks) + between
        return width - 2, max(block.length for block in blocks) - 2

    def layout(self) -> Layout:
        """Everything drawn, and turned the way that the page is read."""
        placer, m = self.placer, self.placer.m
        x = 0
        sides: list[int] = []
        gaps: list[int] = []
        for column in self.columns:
            gaps.append(x + m.column // 2)
            x += channels(column.series) * m.channel + (m.column if sides else 0)
            sides.append(x)
            column.block.draw(x + column.left, 0)
            x += column.left + column.right
        route(placer, sides, gaps)
        for side, column in zip(sides, self.columns, strict=True):
            text = _exit(column, side + column.left, m)
            if text and not runs_over(placer.out.paths, text, m):  # a line may pass there
                placer.out.texts.append(text)
        return turned(placer.out, m)


def _in_order(placer: Placer, figure: Figure) -> list[_Column]:
    """The columns with their blocks. Of several that one column reads, the tallest stands
    farthest from it: edges pass over the others."""
    found: list[_Column] = []
    sources: list[_Column] = []
    told = {jump.source for column in figure.columns for jump in jumps(column) if jump.label}
    for column in figure.columns:
        measured = _column(placer, column, told)
        if channels(column):
            found += [*sorted(sources, key=lambda each: -each.block.length), measured]
            sources = []
        else:
            sources.append(measured)
    return [*found, *sources]


def _column(placer: Placer, column: Series, told: Collection[Tensor]) -> _Column:
    block, made = placer.series(column, placer.natural(column)), made_by(column.items[-1])
    label = placer.label(column)
    if made is None or made in told or not label:
        return _Column(column, block)
    return _Column(column, block, label, placer.m.half(placer.m.width(label, "label")))


def _exit(column: _Column, x: int, m: Measure) -> Text | None:
    if not column.exit:
        return None
    y = column.block.length + m.gap - m.gap // 4 + m.name // 2 + 2 * m.point
    return Text(x, y, column.exit, "label", "middle")


def turned(out: Layout, m: Measure) -> Layout:
    """Flow coordinates to those of a page: turned if it goes up, and moved to 0, 0."""
    left, right = _span(out, m)
    top, bottom = _reach(out, m)

    def y(s: int) -> int:
        return bottom - s - m.point if m.up else s - top

    def along(s: float) -> float:
        return bottom - s if m.up else s - top

    def rect(r: Rect) -> Rect:
        return Rect(r.x - left, bottom - r.bottom if m.up else r.y - top, r.w, r.h)

    return Layout(
        right - left,
        bottom - top,
        [_moved(box, rect(box.rect)) for box in out.boxes],
        [_moved(card, rect(card.rect)) for card in out.cards],
        [
            Path(tuple((px - left, y(s)) for px, s in p.points), p.line, p.arrow, p.tap)
            for p in out.paths
        ],
        [Text(t.x - left, y(t.y), t.text, t.role, t.anchor) for t in out.texts],
        [replace(c, points=tuple((px - left, along(s)) for px, s in c.points)) for c in out.curves],
        _bars(out, m),
    )


def _bars(out: Layout, m: Measure) -> Bars:
    """Bars as long as the narrowest box has room for, so that they can be compared."""
    shown = [box for box in out.boxes if box.said]
    if not shown:
        return Bars()
    number = max(m.width(box.said, "share") for box in shown)
    room = min(box.rect.w for box in shown) - 2 * m.pad
    return Bars(room - BAR_GAP - number, number)


def _moved(shape: Shape, rect: Rect) -> Shape:
    return replace(shape, rect=rect)


def _span(out: Layout, m: Measure) -> tuple[int, int]:
    rects = [*(b.rect for b in out.boxes), *(c.rect for c in out.cards)]
    xs = [end for p in out.paths for x, _ in p.points for end in (x, x + m.point)]
    for t in out.texts:
        width = m.width(t.text, t.role)
        start = t.x if t.anchor == "start" else t.x - m.half(width)
        xs += [start, start + width]
    xs += [end for c in out.curves for x, _ in c.points for end in (floor(x), ceil(x))]
    every = [*xs, *(r.x for r in rects), *(r.right for r in rects)]
    return min(every), max(every)


def _reach(out: Layout, m: Measure) -> tuple[int, int]:
    rects = [*(b.rect for b in out.boxes), *(c.rect for c in out.cards)]
    half = m.name // 2
    ys = [
        *(end for p in out.paths for _, s in p.points for end in (s, s + m.point)),
        *(end for c in out.curves for _, s in c.points for end in (floor(s), ceil(s))),
        *(t.y - half for t in out.texts),
        *(t.y + half + m.point for t in out.texts),
        *(r.y for r in rects),
        *(r.bottom for r in rects),
    ]
    return min(ys), max(ys)
