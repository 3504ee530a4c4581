"""A layout as text, with box characters, for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tfspec.passes.draw.measure import cells, cut
from tfspec.passes.draw.shapes import BoxShape, CardShape, Layout, Path, Point, Rect, Text

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
_SIGNS = {
    0: " ", UP: "│", DOWN: "│", LEFT: "─", RIGHT: "─", UP | DOWN: "│", LEFT | RIGHT: "─",
    UP | LEFT: "╯", UP | RIGHT: "╰", DOWN | LEFT: "╮", DOWN | RIGHT: "╭",
    UP | DOWN | LEFT: "┤", UP | DOWN | RIGHT: "├", LEFT | RIGHT | UP: "┴",
    LEFT | RIGHT | DOWN: "┬", UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
_HEADS = {UP: "▲", DOWN: "▼", LEFT: "◀", RIGHT: "▶"}
"""The arrow that points in each direction."""


class _Grid:
    """Characters at places; lines that meet become corners and crossings."""

    def __init__(self, width: int, height: int) -> None:
        self.chars = [[" "] * width for _ in range(height)]
        self.lines = [[0] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str) -> None:
        """Text from a place on; a wide character takes two places."""
        for char in text:
            row = self.chars[y] if 0 <= y < len(self.chars) else []
            if 0 <= x < len(row):
                row[x] = char
            taken = cells().width(char, "label")
            if taken == 2 and x + 1 < len(row):
                row[x + 1] = ""
            x += taken

    def line(self, points: Sequence[Point]) -> None:
        for (x1, y1), (x2, y2) in pairwise(points):
            if (x1, y1) == (x2, y2):
                continue
            step = ((x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1))
            ahead = _direction(step)
            x, y = x1, y1
            while (x, y) != (x2, y2):
                self.lines[y][x] |= ahead
                x, y = x + step[0], y + step[1]
                self.lines[y][x] |= _back(ahead)

    def across(self, points: Sequence[Point]) -> None:
        """A line that others cross: what runs up and down passes over what runs across, as it does
        over frames, for a crossing would look like a place where they meet."""
        met = {
            (x, y): self.lines[y][x]
            for a, b in pairwise(points)
            for x, y in _between(a, b)
            if self.lines[y][x] in (UP | DOWN, LEFT | RIGHT)
        }
        self.line(points)
        for (x, y), before in met.items():
            if self.lines[y][x] != before:
                self.lines[y][x] = UP | DOWN

    def text(self) -> str:
        rows = (
            "".join(
                _SIGNS[bits] if bits else char for char, bits in zip(row, bits_row, strict=True)
            )
            for row, bits_row in zip(self.chars, self.lines, strict=True)
        )
        return "\n".join(row.rstrip() for row in rows)


def _between(a: Point, b: Point) -> Iterator[Point]:
    """The places of a straight line but its ends."""
    (x1, y1), (x2, y2) = sorted((a, b))
    yield from ((x, y1) for x in range(x1 + 1, x2))
    yield from ((x1, y) for y in range(y1 + 1, y2))


def _direction(step: tuple[int, int]) -> int:
    return {(0, -1): UP, (0, 1): DOWN, (-1, 0): LEFT, (1, 0): RIGHT}[step]


def _back(direction: int) -> int:
    return {UP: DOWN, DOWN: UP, LEFT: RIGHT, RIGHT: LEFT}[direction]


def text(layout: Layout) -> str:
    """The figure in characters; a caption is the caller's."""
    grid = _Grid(layout.width, layout.height)
    for card in sorted(layout.cards, key=lambda card: card.depth):
        _frame(grid, card)
    others = [path for path in layout.paths if path.line == "cross"]
    for path in layout.paths:
        if path not in others:
            grid.line(path.points)
    for path in layout.paths:
        _ends(grid, path)
    for path in others:  # the trunk goes on where one leaves it
        _begin(grid, path.points[0], layout)
        grid.across(path.points)
    for box in layout.boxes:
        _box(grid, box)
    for path in layout.paths:
        _head(grid, path)
    for each in layout.texts:
        width = cells().width(each.text, each.role)
        x = each.x if each.anchor == "start" else each.x - width // 2
        _clear(grid, x, each.y, width)
        grid.put(x, each.y, each.text)
    return grid.text()


def _clear(grid: _Grid, x: int, y: int, width: int) -> None:
    for at in range(max(0, x), min(x + width, len(grid.lines[y]))):
        grid.lines[y][at] = 0


def _border(grid: _Grid, x: int, y: int, w: int, h: int, corners: str, sides: str) -> None:
    across, along = sides
    grid.put(x, y, corners[0] + across * (w - 2) + corners[1])
    grid.put(x, y + h - 1, corners[2] + across * (w - 2) + corners[3])
    for row in range(y + 1, y + h - 1):
        grid.put(x, row, along)
        grid.put(x + w - 1, row, along)


def _frame(grid: _Grid, card: CardShape) -> None:
    r = card.rect
    _border(grid, r.x, r.y, r.w, r.h, "┌┐└┘", "─│")
    if card.title:
        grid.put(r.x + 2, r.y, f" {card.title} ")
    if card.count > 1:
        count = f" × {card.count} "
        grid.put(r.right - 2 - len(count), r.y, count)


def _box(grid: _Grid, box: BoxShape) -> None:
    r = box.rect
    for row in range(r.y, r.bottom):
        _clear(grid, r.x, row, r.w)
        grid.put(r.x, row, " " * r.w)
    if box.form == "sign":
        grid.put(r.x, r.y, {"+": "⊕", "×": "⊗"}.get(box.title, box.title))
    elif box.form == "chip":
        grid.put(r.x, r.y, _middle(f"({box.title})", r.w))
    else:
        edges = ("╔╗╚╝", "═║") if box.block else ("╭╮╰╯", "─│")
        _border(grid, r.x, r.y, r.w, r.h, *edges)
        for at, line in enumerate((box.title, *box.knobs), start=1):
            grid.put(r.x + 1, r.y + at, _middle(line, r.w - 2))


def _middle(text: str, width: int) -> str:
    text = cut(text, width)
    free = width - cells().width(text, "title")
    return " " * (free // 2) + text + " " * (free - free // 2)


def _ends(grid: _Grid, path: Path) -> None:
    """A piece of the trunk goes on above and below itself, unless it meets a bus there."""
    points = path.points
    if path.line != "trunk":
        return
    for (x, y), (other, _) in ((points[0], points[1]), (points[-1], points[-2])):
        if other == x and not grid.lines[y][x] & (LEFT | RIGHT):
            grid.lines[y][x] |= UP | DOWN


def _begin(grid: _Grid, start: Point, layout: Layout) -> None:
    """A line that leaves no trunk comes from what is above or below its start."""
    x, y = start
    made = [*(box.rect for box in layout.boxes), *map(_place, layout.texts)]
    for row, way in ((y - 1, UP), (y + 1, DOWN)):
        if not grid.lines[y][x] and any(rect.holds((x, row)) for rect in made):
            grid.lines[y][x] = way


def _place(text: Text) -> Rect:
    """A name, or a shape; the middle of the one is where its line is."""
    return Rect(text.x, text.y, 1, 1)


def _head(grid: _Grid, path: Path) -> None:
    """Only where a line comes from the side: along the trunk the order says it."""
    (x, y), (x0, y0) = path.points[-1], path.points[-2]
    if path.arrow and y == y0 and x != x0:
        grid.lines[y][x] = 0
        grid.put(x, y, _HEADS[RIGHT if x > x0 else LEFT])
