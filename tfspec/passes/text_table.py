"""Tables as plain text: columns as wide as their content, within limits, and 100 columns in all."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from tfspec.diagnostics.escape import shorten

COLUMNS = 100
GAP = "  "


@dataclass(frozen=True)
class Column:
    """A title, how wide the column may get, and whether its text stands at the right.

    `gives` says in which order columns give way where all is more than fits: 0 first, None never.
    """

    title: str
    most: int
    right: bool = False
    gives: int | None = None


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Titles, a rule and the rows, each cut to its column."""
    titles = [column.title for column in columns]
    widths = _widths(columns, [titles, *rows])
    rule = GAP.join("─" * width for width in widths)
    body = [_line(columns, cells, widths) for cells in [titles, *rows]]
    return [body[0], rule, *body[1:]]


def _widths(columns: Sequence[Column], lines: Sequence[Sequence[str]]) -> list[int]:
    longest = [max(map(len, column)) for column in zip(*lines, strict=True)]
    widths = [min(width, c.most) for width, c in zip(longest, columns, strict=True)]
    over = sum(widths) + len(GAP) * (len(widths) - 1) - COLUMNS
    giving = [at for at, column in enumerate(columns) if column.gives is not None]
    for column in sorted(giving, key=lambda at: columns[at].gives or 0):
        give = min(max(0, over), widths[column] - 12)
        if give > 0:
            widths[column] -= give
            over -= give
    return widths


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    placed = [
        text.rjust(width) if column.right else text.ljust(width)
        for column, text, width in zip(columns, map(shorten, cells, widths), widths, strict=True)
    ]
    return GAP.join(placed).rstrip()


def joined(said: Sequence[str]) -> list[str]:
    """The definitions in lines, none broken in two unless it is longer than a line."""
    lines = [""]
    for each in said:
        longer = f"{lines[-1]}; {each}" if lines[-1] else each
        if len(longer) <= COLUMNS:
            lines[-1] = longer
        else:
            lines += textwrap.wrap(each, COLUMNS)
    return lines
