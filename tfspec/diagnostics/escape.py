"""Hostile text made harmless: what is not visible, or moves other text, is shown as an escape."""

from __future__ import annotations

_WIDE_SPACE = "\N{IDEOGRAPHIC SPACE}"  # as common in Chinese or Japanese as a space is here
_LONGEST_NAME = 60


def escape(text: str) -> str:
    """The text on one line: controls, bidi, zero-width and unassigned characters as escapes."""
    return text if text.isascii() and text.isprintable() else "".join(map(escape_one, text))


def escape_one(char: str) -> str:
    """One character, or its escape: `\\n`, `\\x1b`, `\\u202e`."""
    if char.isprintable() or char == _WIDE_SPACE:
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def shorten(text: str, longest: int) -> str:
    """The text, cut with … where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def quoted(text: str, longest: int = _LONGEST_NAME) -> str:
    """A name from a spec as messages show it: in backticks, escaped, never longer than a line."""
    return f"`{shorten(escape(shorten(text, longest)), longest)}`"
