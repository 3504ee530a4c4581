"""A line of source as a terminal shows it: escaped, cut around a place, measured in cells."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from tfspec.diagnostics.escape import escape_one

WIDEST = 100
"""Cells that a line of source may take; longer ones are cut with … around the place."""

_BEFORE = 40  # cells' worth of characters that stay before a place on a line that is cut
_TAB = "    "


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a line, and where in it, in cells, the place begins and how wide it is."""

    text: str
    offset: int
    width: int


def excerpt(line: str, start: int, end: int) -> Excerpt:
    """The part of a line around the characters `start` to `end` (from 0, end exclusive).

    A place past the end of the line, or an empty one, is one cell wide.
    """
    first, last = _window(line, start)
    before = ("…" if first else "") + _shown(line[first:start])
    marked = _shown(line[start : min(max(end, start + 1), last)])
    after = _shown(line[max(end, start + 1) : last]) + ("…" if last < len(line) else "")
    return Excerpt(before + marked + after, cells(before), max(cells(marked), 1))


def cells(text: str) -> int:
    """The width of a text on a terminal: wide characters take two cells, combining ones none."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _shown(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(_TAB if char == "\t" else escape_one(char) for char in text)


def _window(line: str, start: int) -> tuple[int, int]:
    """The first and last character to show: the whole line, or what fits around `start`."""
    if len(line) <= WIDEST and cells(_shown(line)) <= WIDEST:
        return 0, len(line)
    first, room = max(0, start - _BEFORE), WIDEST
    last = first
    while last < len(line) and (room > 0 or last <= start):
        room -= max(1, cells(_shown(line[last])))  # thousands of combining marks take room too
        last += 1
    return first, last
