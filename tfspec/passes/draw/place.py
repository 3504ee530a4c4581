"""A figure on its page: columns side by side, the edges between them, and the way it is turned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import ceil, floor
from typing import TypeVar

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.crossings import runs_over
from tfspec.passes.draw.layout import Block, Placer, Shares
from tfspec.passes.draw.measure import Measure
from tfspec.passes.draw.parts import Figure, Series, jumps, made_by
from tfspec.passes.draw.route import channels, route, sources
from tfspec.passes.draw.shapes import BoxShape, CardShape, Layout, Path, Rect, Text

Shape = TypeVar("Shape", BoxShape, CardShape)


def place(figure: Figure, m: Measure, shares: Shares | None = None) -> Layout:
    """The layout of a figure, y growing downwards, its upper left corner at 0, 0."""
    tapped = {tensor for column in figure.columns for tensor in sources(column)}
    placer = Placer(m, shares or {}, tapped=tapped)
    x = 0
    sides: list[int] = []
    gaps: list[int] = []
    exits: list[Text] = []
    for column, block in _in_order(placer, figure, exits):
        gaps.append(x + m.column // 2)
        x += channels(column) * m.channel + (m.column if sides else 0)
        sides.append(x)
        block.draw(x + block.left, 0)
        x += block.left + block.right
    route(placer, sides, gaps)
    for text in exits:  # a line to another column may pass there
        if not runs_over(placer.out.paths, text, m):
            placer.out.texts.append(text)
    return turned(placer.out, m)


def _in_order(placer: Placer, figure: Figure, exits: list[Text]) -> list[tuple[Series, Block]]:
    """The columns with their blocks. Of several that one column reads, the tallest stands
    farthest from it: edges pass over the others."""
    found: list[tuple[Series, Block]] = []
    sources: list[tuple[Series, Block]] = []
    told = {jump.source for column in figure.columns for jump in jumps(column) if jump.label}
    for column in figure.columns:
        pair = column, _block(placer, column, told, exits)
        if channels(column):
            found += [*sorted(sources, key=lambda each: -each[1].length), pair]
            sources = []
        else:
            sources.append(pair)
    return [*found, *sources]


def _block(placer: Placer, column: Series, told: Collection[Tensor], exits: list[Text]) -> Block:
    """A column; over the edge that leaves it for others, one of the `exits`, may stand the shape of
    what it makes."""
    block, made = placer.series(column, placer.natural(column)), made_by(column.items[-1])
    m, label = placer.m, placer.label(column)
    if made is None or made in told or not label:
        return block
    half = m.half(m.width(label, "label"))

    def draw(x: int, s: int) -> None:
        block.draw(x, s)
        y = s + block.length + m.gap - m.gap // 4 + m.name // 2 + 2 * m.point
        exits.append(Text(x, y, label, "label", "middle"))

    return replace(block, left=max(block.left, half), right=max(block.right, half), draw=draw)


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
    )


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
