"""The units of a layout: points for a page, cells for a terminal."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from tfspec.passes.draw.font import fit, text_width

Style = Literal["title", "knob", "label", "name", "card", "count", "share", "sign", "caption"]
SIZES: dict[Style, float] = {
    "title": 10, "knob": 8, "label": 8.5, "name": 10, "card": 8, "count": 11, "share": 8,
    "sign": 11, "caption": 8,
}  # fmt: skip
"""Font sizes in points."""
BOLD: tuple[Style, ...] = ("count",)
BAR_GAP = 4
"""From a bar to its number."""


@dataclass(frozen=True, eq=False)
class Measure:
    """How wide words are, and how far things stand from each other. All are whole units.

    `tap` is where an edge to elsewhere leaves the trunk, behind a box and before a label.
    `point` is how long a point is along the flow: nothing on a page, a row in a terminal. `line` is
    how wide a line of knobs gets before it is broken. `stacked` puts short chains of inputs over
    each other rather than side by side. `inset` is how much wider a block is on each side, whose
    second line would be close to its words. `shapes` says whether edges are labelled. `bar` is how
    long a bar of all the cost is at least: nothing in a terminal, which has numbers alone.
    """

    width: Callable[[str, Style], int]
    cut: Callable[[str, Style, int], str]
    up: bool
    point: int
    most: int
    line: int
    pad: int
    title: int
    chip: int
    knob: int
    share: int
    gap: int
    labelled: int
    name: int
    sign: int
    lane: int
    frame: int
    header: int
    branch: int
    column: int
    channel: int
    beside: int
    tap: int
    narrowest: int
    trunk: int
    bar: int
    odd: bool
    stacked: bool = False
    shapes: bool = True
    inset: int = 0

    def half(self, width: int) -> int:
        """Half of a width, so that something of this width has a middle."""
        return width // 2 if self.odd else math.ceil(width / 2)

    @property
    def lift(self) -> int:
        """How much farther a shape stands from a box where an edge leaves between the two."""
        return self.tap if self.point else self.tap + 2

    @property
    def forked(self) -> int:
        """How far apart boxes are at least where an edge leaves between them: its dot, the head of
        the arrow into the next one, and air."""
        return 0 if self.point else self.tap + 9

    @property
    def barred(self) -> int:
        """How much room a bar with its number takes in a box."""
        return self.bar and self.bar + BAR_GAP + self.width(f"{1:.1%}", "share")

    def gap_for(self, label: str) -> int:
        return self.labelled if label else self.gap


Spacing = Literal["loose", "tight", "narrow", "stacked"]
"""How much room a page leaves between things: each of them less than the one before."""


@cache
def points(up: bool = True, spacing: Spacing = "loose") -> Measure:
    """A page, in points (1/72 inch): tight where a figure is long, narrow where it is wide."""
    gap, labelled = (14, 19) if spacing == "loose" else (10, 14)
    m = Measure(
        width=lambda text, style: math.ceil(text_width(text, SIZES[style], style in BOLD)),
        cut=lambda text, style, most: fit(text, SIZES[style], most, style in BOLD),
        up=up, point=0, most=176, line=118, pad=9, title=21, chip=16, knob=10, share=9,
        gap=gap, labelled=labelled, name=15, sign=7, lane=11, frame=10, header=15, branch=12,
        column=26, channel=9, beside=4, tap=3, narrowest=44, trunk=124, bar=28, odd=False,
    )  # fmt: skip
    if spacing in ("loose", "tight"):
        return m
    close = replace(
        m, line=84, pad=5, lane=9, frame=8, branch=8, column=16, channel=8, beside=3,
        narrowest=36, trunk=84, bar=20, inset=2,
    )  # fmt: skip
    if spacing == "narrow":
        return close
    return replace(close, pad=4, lane=8, frame=6, branch=6, column=10, channel=7, stacked=True)


def cells(up: bool = False, narrow: bool = False) -> Measure:
    """A terminal, in rows and columns; narrow, and without shapes, where a figure is wide."""
    most, line, trunk, lane, column = (26, 16, 13, 2, 2) if narrow else (34, 22, 21, 3, 4)
    return Measure(
        width=lambda text, style: _columns(text), cut=lambda text, style, most: cut(text, most),
        up=up, point=1, most=most, line=line, pad=2, title=3, chip=1, knob=1, share=0,
        gap=1, labelled=1, name=1, sign=0, lane=lane, frame=2, header=0, branch=2, column=column,
        channel=2, beside=2, tap=1, narrowest=9, trunk=trunk, bar=0, odd=True, shapes=not narrow,
    )  # fmt: skip


def cut(text: str, most: int) -> str:
    """The text, cut with … where it takes more columns."""
    if _columns(text) <= most:
        return text
    while text and _columns(text) > most - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def _columns(text: str) -> int:
    return sum(_column(char) for char in text)


def _column(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
