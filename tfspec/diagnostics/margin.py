"""The left edge of a message in text, and its colours: line numbers, bars and arrows."""

from __future__ import annotations

from dataclasses import dataclass

_STYLES = {
    "error": "1;31",
    "warning": "1;33",
    "note": "1;36",
    "frame": "34",
    "bold": "1",
}


@dataclass(frozen=True, slots=True)
class Margin:
    """Lines behind a margin that is as wide as the largest line number; plain without color."""

    width: int
    color: bool

    def paint(self, text: str, style: str) -> str:
        """The text in a style, by ANSI codes, where color is on."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color and text else text

    def arrow(self, sign: str, place: str) -> str:
        """`  --> file:13:25`"""
        return f"{' ' * self.width}{self.paint(sign, 'frame')} {place}"

    def numbered(self, number: int, text: str) -> str:
        """`13 | a line of source`"""
        return f"{self.paint(f'{number:>{self.width}} |', 'frame')} {text}".rstrip()

    def bar(self, text: str = "") -> str:
        """`   | text`"""
        return f"{' ' * self.width} {self.paint('|', 'frame')} {text}".rstrip()

    def item(self, kind: str, text: str) -> str:
        """`   = help: text`"""
        return f"{' ' * self.width} {self.paint('=', 'frame')} {self.paint(kind, 'bold')}: {text}"
