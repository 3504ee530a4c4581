"""Fitting a figure on a page: closer, smaller down to 7 points, in two columns, less of it open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, combinations, pairwise

from tfspec.passes.draw.layout import Placer
from tfspec.passes.draw.measure import Measure
from tfspec.passes.draw.parts import Figure, Jump, Series, label_of, made_by

PAGE = (510, 680)
"""180 × 240 mm in points: a page without its margins."""
SMALLEST = 0.875
"""The smallest text is of 8 points, and is to have 7 or more."""


def scale(size: tuple[int, int]) -> float | None:
    """What makes a picture fit on a page; None where its text would be too small."""
    wanted = min(1.0, *(page / length for page, length in zip(PAGE, size, strict=True)))
    return wanted if wanted >= SMALLEST else None


def columns(figure: Figure, m: Measure, count: int) -> Figure:
    """A figure whose longest column is so many; as it is where it cannot be cut."""
    if count == 1:
        return figure
    at, column = max(enumerate(figure.columns), key=lambda each: _length(each[1], m))
    marks = [0, *_cuts(column, m, count), len(column.items)]
    pieces = [column.items[a:b] for a, b in pairwise(marks)]
    found = [Series(pieces[0])]
    for before, piece in pairwise(pieces):
        source = made_by(before[-1])
        assert source is not None
        found.append(Series((Jump(source, label_of(before[-1]), goes_on=True), *piece)))
    rest = list(figure.columns)
    return replace(figure, columns=[*rest[:at], found[0], *rest[at + 1 :], *found[1:]])


def _length(column: Series, m: Measure) -> int:
    """How long a column is by itself, items and arrows."""
    placer = Placer(m)
    half = placer.natural(column)
    return sum(placer.item(item, half).length + m.labelled for item in column.items)


def _cuts(column: Series, m: Measure, count: int) -> list[int]:
    """Before which items new columns begin, so that all are about equally long."""
    placer = Placer(m)
    half = placer.natural(column)
    lengths = [placer.item(item, half).length + m.labelled for item in column.items]
    ends = list(accumulate(lengths))
    possible = [at for at in range(1, len(lengths)) if made_by(column.items[at - 1]) is not None]
    choices = combinations(possible, count - 1)
    return list(min(choices, key=lambda cuts: _longest(ends, cuts), default=()))


def _longest(ends: Sequence[int], cuts: Sequence[int]) -> int:
    marks = [0, *(ends[cut - 1] for cut in cuts), ends[-1]]
    return max(b - a for a, b in pairwise(marks))
