"""Fitting a figure on a page: closer, smaller down to 7 points, in two columns, less of it open."""

from __future__ import annotations

from itertools import accumulate

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


def halves(figure: Figure, m: Measure) -> Figure | None:
    """A figure of one long column in two; None where it cannot be cut."""
    if len(figure.columns) != 1:
        return None
    (column,) = figure.columns
    cut = _middle(column, m)
    if cut is None:
        return None
    first, rest = column.items[:cut], column.items[cut:]
    source = made_by(first[-1])
    assert source is not None
    jump = Jump(source, label_of(first[-1]), goes_on=True)
    return Figure(figure.name, [Series(first), Series((jump, *rest))], figure.unseen, figure.params)


def _middle(column: Series, m: Measure) -> int | None:
    """Behind which item both parts are about equally long."""
    placer = Placer(m)
    half = placer.natural(column)
    lengths = [placer.item(item, half).length + m.labelled for item in column.items]
    ends = list(accumulate(lengths))
    possible = [at for at in range(1, len(lengths)) if made_by(column.items[at - 1]) is not None]
    return min(possible, key=lambda at: max(ends[at - 1], ends[-1] - ends[at - 1]), default=None)
