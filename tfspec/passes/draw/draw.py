"""The pass `draw`: a model as a figure, in every format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path, PurePath
from typing import Literal, TypedDict

from tfspec.diagnostics import Diagnostic, Rule, nearest
from tfspec.diagnostics.escape import escape, quoted
from tfspec.graph.graph import Graph
from tfspec.graph.trace import Trace
from tfspec.passes.draw.choose import fitting, most_open
from tfspec.passes.draw.crossings import tangled
from tfspec.passes.draw.fit import ROOMS, Width, columns
from tfspec.passes.draw.measure import Measure, Spacing, cells, points
from tfspec.passes.draw.opened import by_name, main_blocks
from tfspec.passes.draw.parts import Box, Figure
from tfspec.passes.draw.place import Measured, place
from tfspec.passes.draw.read import read, read_one
from tfspec.passes.draw.shapes import Layout
from tfspec.passes.draw.shares import Quantity, shared, shares
from tfspec.passes.draw.theme import THEMES
from tfspec.passes.draw.words import Words
from tfspec.program.refusal import NotYet

Direction = Literal["up", "down"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down")
PICTURES = ("svg", "png", "pdf")
FORMATS = (*PICTURES, "dot", "mmd")
"""What a figure can be written as, by the ending of the file."""
Level = Literal["blocks", "ops"]
LEVELS: tuple[Level, ...] = ("blocks", "ops")

NO_BLOCK = Rule(
    "TS490",
    "a block to open that the model has not",
    "`--open` names a block of the spec, or a module of one, and there is no such thing.",
    "A figure without what was asked for would look as if it were the whole answer.",
    "tfspec draw gpt2 --open atention",
    "Name a block or a module: the message lists them.",
)


class How(TypedDict):
    """How a figure looks, whatever it shows."""

    level: Level
    theme: str
    direction: Direction
    cost: Quantity
    width: Width


@dataclass(frozen=True, eq=False, repr=False)
class Drawing:
    """A figure of a model. In a notebook it shows itself; `save` writes it by its ending.

    `shares` has each box's part of the cost of what is drawn, 0 to 1, where one is shown. To fit in
    its `width` the figure may be spaced closer, scaled, or cut into several columns. Pictures of
    ops that read each other across branches are laid out by Graphviz when they are asked for, and
    raise GraphvizError where its `dot` is missing.
    """

    graph: Graph
    figure: Figure
    words: Words
    shares: Mapping[Box, float]
    level: Level = "blocks"
    theme: str = "light"
    direction: Direction = "up"
    cost: Quantity = "none"
    width: Width = "page"
    spacing: Spacing = "loose"
    cut: int = 1

    @cached_property
    def layout(self) -> Layout:
        """Everything at its place, in points."""
        if self.by_dot:
            from tfspec.passes.draw.by_dot import place_by_dot

            return place_by_dot(self.figure, self._measure, self.shares, self._shared)
        return self._measured.layout()

    @property
    def _measure(self) -> Measure:
        return points(self.direction == "up", self.spacing)

    @cached_property
    def _measured(self) -> Measured:
        m = self._measure
        return Measured(columns(self.figure, m, self.cut), m, self.shares, self._shared)

    @cached_property
    def _shared(self) -> frozenset[Box]:
        """The boxes whose weights count at another one, where parameters are shown."""
        return shared(self.figure, self.shares, self.cost)

    @property
    def by_dot(self) -> bool:
        """Whether it shows a graph that has no order of ours."""
        return self.level == "ops" and not self.figure.ordered

    @property
    def tangled(self) -> bool:
        """Whether in the picture lines cross, or one goes through a box or a word. Of ops it may
        raise GraphvizError."""
        from tfspec.passes.draw.curves import crossings, go_through

        boxes, curves = [box.rect for box in self.layout.boxes], self.layout.curves
        bent = bool(crossings(curves)) or go_through(curves, boxes)
        return bent or tangled(self.layout, self._measure)

    @property
    def text_tangled(self) -> bool:
        """The same of the figure as text, which is never laid out by Graphviz; in points, where a
        line is thin."""
        return tangled(self._measured.layout(), self._measure) if self.by_dot else self.tangled

    @cached_property
    def caption(self) -> list[str]:
        from tfspec.passes.draw.caption import caption
        from tfspec.passes.draw.svg import NARROWEST

        return caption(self, max(self.layout.width, NARROWEST))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in points, before it is scaled."""
        from tfspec.passes.draw.svg import page

        return page(self.layout, self.caption)

    @property
    def least(self) -> tuple[int, int]:
        """What its size is at least, known before it is laid out."""
        return self.size if self.by_dot else self._measured.least

    @property
    def fitting(self) -> float | None:
        """What makes it fit in its room; None where its text would be too small."""
        room = ROOMS[self.width]
        return None if room.scale(self.least) is None else room.scale(self.size)

    @property
    def scale(self) -> float:
        """How large it is drawn: as it is where it does not fit."""
        return self.fitting or 1.0

    def svg(self) -> str:
        """A picture that needs nothing to be seen. Of ops it may raise GraphvizError."""
        return self._picture("pt")

    def _picture(self, unit: str) -> str:
        from tfspec.passes.draw.caption import description
        from tfspec.passes.draw.svg import svg

        theme, title = THEMES[self.theme], escape(self.figure.name)
        return svg(self.layout, theme, title, description(self), self.caption, self.scale, unit)

    def text(self) -> str:
        """The figure with box characters."""
        from tfspec.passes.draw.caption import sentences
        from tfspec.passes.draw.text import text
        from tfspec.passes.text_table import COLUMNS, joined

        up = self.direction == "up"
        layout = place(self.figure, cells(up), self.shares, self._shared)
        if layout.width > COLUMNS:
            layout = place(self.figure, cells(up, narrow=True), self.shares, self._shared)
        found = text(layout)
        said = [line for part in sentences(self) for line in joined([", ".join(part)])]
        return "\n".join([found, "", *said])

    def dot(self) -> str:
        """Text for Graphviz."""
        from tfspec.passes.draw.dot import dot

        return dot(self.figure, self.theme, self.direction == "up")

    def mmd(self) -> str:
        """Text for Mermaid, which GitHub draws."""
        from tfspec.passes.draw.dot import mermaid

        return mermaid(self.figure, self.theme, self.direction == "up")

    def png(self, dpi: int = 300) -> bytes:
        """The picture in pixels. Raises ImportError where its package is missing."""
        from tfspec.passes.draw.render import png

        return png(self.svg(), dpi)

    def pdf(self) -> bytes:
        """The picture as one page, its fonts embedded. Raises ImportError as `png` does."""
        from tfspec.passes.draw.render import pdf

        return pdf(self._picture("px"))  # the renderer's px is a point of the page

    def format(self, name: str) -> str | bytes:
        """The figure in one of FORMATS."""
        found: str | bytes = getattr(self, name)()
        return found

    def save(self, path: str | PathLike[str]) -> None:
        """Write the figure in the format that the file's ending names. Raises ValueError."""
        name = PurePath(path).suffix.lower().removeprefix(".")
        if name not in FORMATS:
            raise ValueError(f"unknown format {name!r}: it is one of {', '.join(FORMATS)}")
        made = self.format(name)
        Path(path).write_bytes(made.encode() if isinstance(made, str) else made)

    def __repr__(self) -> str:
        return self.text()

    def _repr_svg_(self) -> str | None:
        """None, for which a notebook shows text, where ops cannot be laid out."""
        from tfspec.passes.draw.graphviz import GraphvizError

        try:
            return self.svg()
        except GraphvizError:
            return None

    def _repr_html_(self) -> str | None:
        svg = self._repr_svg_()
        return svg and f'<figure style="margin: 0">{svg}</figure>'


def draw(
    graph: Graph,
    opened: Sequence[str] = (),
    *,
    level: Level = "blocks",
    numbers: bool = False,
    theme: str = "light",
    direction: Direction = "up",
    cost: Quantity = "none",
    width: Width = "page",
) -> Drawing:
    """The figure of a checked graph, made to fit a page or a column where that is possible.

    Raises NotYet for a block that the model has not, and for a cost at a dim without a value.
    """
    how: How = {
        "level": level, "theme": theme, "direction": direction, "cost": cost, "width": width
    }  # fmt: skip
    ops, named = level == "ops", [[trace] for trace in _chosen(graph, opened)]
    blocks = named or main_blocks(graph)
    blocks = [blocks[0][:1]] if ops and not named and blocks else blocks
    fewest = len(named) or 1
    if ops:
        drawing = _drawing(graph, blocks, numbers, how)
        close = replace(
            drawing, spacing=ROOMS[width].spacings[0]
        )  # by `dot` its size is known when it is laid out
        return close if drawing.by_dot else fitting(drawing) or close
    return most_open(lambda traces: _drawing(graph, traces, numbers, how), blocks, fewest)


def _drawing(graph: Graph, chosen: Iterable[Iterable[Trace]], numbers: bool, how: How) -> Drawing:
    words, ops = Words(graph, numbers), how["level"] == "ops"
    opened = [trace for traces in chosen for trace in traces]
    whole = not ops or not opened
    figure = read(graph, words, opened, ops) if whole else read_one(graph, opened[-1], words)
    return Drawing(graph, figure, words, shares(graph, figure, how["cost"]), **how)


def _chosen(graph: Graph, opened: Sequence[str]) -> list[Trace]:
    known = by_name(graph)
    found: list[Trace] = []
    for name in opened:
        if name not in known:
            near = nearest(name, known)
            help = f"did you mean `{near}`?" if near else f"one of: {', '.join(known)}"
            message = f"there is no block or module {quoted(name)} to open"
            raise NotYet(Diagnostic(NO_BLOCK, message, None, help=(help,)))
        found += known[name]
    return found
