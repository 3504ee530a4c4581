"""Widths of text in the bundled font, read from its file: Liberation Sans, as wide as Arial."""

from __future__ import annotations

import struct
import unicodedata
from bisect import bisect_left
from functools import cache, lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
FAMILY = "Liberation Sans"
FILES = (FOLDER / "LiberationSans-Regular.ttf", FOLDER / "LiberationSans-Bold.ttf")
Numbers = tuple[int, ...]
_WIDE = 1.0  # what the font has not, such as an emoji, is at most an em wide in others


@cache
def char_width(char: str, bold: bool = False) -> float:
    """A character's advance in ems."""
    font = _font(bold)
    glyph = font.glyph(ord(char))
    if glyph:
        return font.advance(glyph)
    return 0.0 if unicodedata.combining(char) else _WIDE


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """A line's width at a font size, without kerning, which would make it narrower."""
    return size * sum(char_width(char, bold) for char in text)


def has(char: str) -> bool:
    """Whether the font has the character."""
    return _font(False).glyph(ord(char)) != 0


def fit(text: str, size: float, most: float, bold: bool = False) -> str:
    """The text, cut with … where it is wider."""
    if text_width(text, size, bold) <= most:
        return text
    while text and text_width(text + "…", size, bold) > most:
        text = text[:-1]
    return text.rstrip() + "…"


@cache
def _font(bold: bool) -> _Font:
    return _Font(FILES[bold].read_bytes())


class _Font:
    """A TrueType file: its tables `cmap` (format 4) and `hmtx`, as OpenType defines them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        count = self._numbers(4, ">H")[0]
        records = (struct.unpack_from(">4sIII", data, 12 + 16 * at) for at in range(count))
        self.tables = {tag.decode(): start for tag, _, start, _ in records}
        self.em = self._numbers(self.tables["head"] + 18, ">H")[0]
        self.measured = self._numbers(self.tables["hhea"] + 34, ">H")[0]
        self.segments = self._segments()

    def glyph(self, code: int) -> int:
        """The glyph of a character, 0 for none."""
        ends, starts, deltas, offsets, offsets_at = self.segments
        at = bisect_left(ends, code)
        if at == len(ends) or code < starts[at]:
            return 0
        if not offsets[at]:
            return (code + deltas[at]) & 0xFFFF
        place = offsets_at + 2 * at + offsets[at] + 2 * (code - starts[at])
        glyph = self._numbers(place, ">H")[0]
        return (glyph + deltas[at]) & 0xFFFF if glyph else 0

    def advance(self, glyph: int) -> float:
        at = self.tables["hmtx"] + 4 * min(glyph, self.measured - 1)
        return self._numbers(at, ">H")[0] / self.em

    def _numbers(self, at: int, form: str) -> tuple[int, ...]:
        return struct.unpack_from(form, self.data, at)

    def _segments(self) -> tuple[Numbers, Numbers, Numbers, Numbers, int]:
        """Ends, starts, deltas and offsets of the ranges of characters, and where offsets lie."""
        start = self._subtable()
        double = self._numbers(start + 6, ">H")[0]
        places = [start + 14 + (2 if at else 0) + at * double for at in range(4)]
        ends, starts, deltas, offsets = (
            self._numbers(place, f">{double // 2}H") for place in places
        )
        return ends, starts, deltas, offsets, places[3]

    def _subtable(self) -> int:
        """Where the Unicode map of format 4 begins."""
        cmap = self.tables["cmap"]
        for at in range(self._numbers(cmap + 2, ">H")[0]):
            _, _, offset = struct.unpack_from(">HHI", self.data, cmap + 4 + 8 * at)
            if self._numbers(cmap + offset, ">H")[0] == 4:
                return cmap + offset
        raise ValueError("the font has no map of format 4")
