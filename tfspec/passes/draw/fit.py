"""Fitting a figure in its room: closer, smaller, cut into columns, side by side or over each other.

The room is a page of 180 × 240 mm, where text has 7 points or more, or a column of such a page, 85
mm wide, where it has 5 or more: the least that journals take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, combinations, pairwise
from typing import Literal

from tfspec.passes.draw.layout import Placer
from tfspec.passes.draw.measure import SIZES, Measure, Spacing
from tfspec.passes.draw.parts import Figure, Jump, Series, label_of, made_by
from tfspec.passes.draw.route import sources

Width = Literal["page", "column"]


@dataclass(frozen=True)
class Room:
    """How large a figure may be, in points, how small its text, and how things may stand in it.

    `last` are spacings for what has no room else, however few blocks are open.
    """

    size: tuple[int, int]
    text: int
    spacings: tuple[Spacing, ...]
    last: tuple[Spacing, ...] = ()

    def scale(self, size: tuple[int, int]) -> float | None:
        """What makes a picture fit in; None where its text would be too small."""
        wanted = min(1.0, *(most / length for most, length in zip(self.size, size, strict=True)))
        return wanted if wanted >= self._least else None

    def width_is_too_large(self, width: int) -> bool:
        """Whether text of a picture so wide would be too small, however low it is."""
        return width * self._least > self.size[0]

    @property
    def _least(self) -> float:
        return self.text / min(SIZES.values())


ROOMS: dict[Width, Room] = {
    "page": Room((510, 680), 7, ("tight",), ("stacked",)),
    "column": Room((240, 680), 5, ("narrow", "stacked")),
}
"""180 × 240 mm, a page without its margins, and a column of it."""
WIDTHS = tuple(ROOMS)
CUTS = (2, 3)
ENOUGH = 0.875
"""A scale that leaves text 7 points: what has it is not set closer or cut for larger text."""
WORTH = 0.9
"""What a cut takes from the worth of larger text."""


def columns(figure: Figure, m: Measure, count: int) -> Figure:
    """A figure whose longest column is so many; as it is where it cannot be cut."""
    if count == 1:
        return figure
    lengths = [_lengths(column, m) for column in figure.columns]
    at, longest = max(enumerate(lengths), key=lambda each: sum(each[1]))
    column = figure.columns[at]
    marks = [0, *_cuts(column, longest, count), len(column.items)]
    pieces = [column.items[a:b] for a, b in pairwise(marks)]
    found = [Series(pieces[0])]
    for before, piece in pairwise(pieces):
        source = made_by(before[-1])
        assert source is not None
        found.append(Series((Jump(source, label_of(before[-1]), goes_on=True), *piece)))
    before, behind = figure.columns[:at], figure.columns[at + 1 :]
    near = _first_reader(behind, found[1:])
    order = [*before, found[0], *behind[:near], *found[1:], *behind[near:]]
    return replace(figure, columns=order)


def _first_reader(columns: Sequence[Series], pieces: Sequence[Series]) -> int:
    """Which column is the first that reads what is made in these, for it stands behind them."""
    made = {made_by(item) for piece in pieces for item in piece.every}
    reading = (at for at, column in enumerate(columns) if made.intersection(sources(column)))
    return next(reading, len(columns))


def _lengths(column: Series, m: Measure) -> list[int]:
    """How long each item of a column is by itself, with an arrow."""
    placer = Placer(m)
    half = placer.natural(column)
    return [placer.item(item, half).length + m.labelled for item in column.items]


def _cuts(column: Series, lengths: Sequence[int], count: int) -> list[int]:
    """Before which items new columns begin, so that all are about equally long."""
    ends = list(accumulate(lengths))
    possible = [at for at in range(1, len(lengths)) if made_by(column.items[at - 1]) is not None]
    choices = combinations(possible, count - 1)
    return list(min(choices, key=lambda cuts: _longest(ends, cuts), default=()))


def _longest(ends: Sequence[int], cuts: Sequence[int]) -> int:
    marks = [0, *(ends[cut - 1] for cut in cuts), ends[-1]]
    return max(b - a for a, b in pairwise(marks))
