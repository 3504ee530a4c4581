"""Text from a spec inside the emitted file: it stays inside its string or comment."""

from __future__ import annotations

import textwrap
import unicodedata

WIDTH = 88


def quiet(text: str) -> str:
    """Text that can stand in a docstring: no quote that closes it, no control, no bidi."""
    kept: list[str] = []
    for char in text:
        category = unicodedata.category(char)
        if char in "\n\t ":
            kept.append(" ")
        elif category[0] == "C" or category in ("Zl", "Zp"):
            kept.append(f"<U+{ord(char):04X}>")
        else:
            kept.append(char)
    return "".join(kept).replace("\\", "/").replace('"', "'").strip()


def docstring(text: str, more: str = "", indent: int = 0) -> list[str]:
    """The lines of a docstring, wrapped; `more` is a second paragraph."""
    pad = " " * indent
    text, more = quiet(text), quiet(more)
    if not more and indent + len(text) + 6 <= WIDTH:
        return [f'{pad}"""{text}"""']
    first = textwrap.wrap(text, WIDTH - indent - 3, break_on_hyphens=False) or [""]
    if len(first) == 1 and not more:  # a line alone would carry its closing quotes over the edge
        first = textwrap.wrap(text, WIDTH - indent - 6, break_on_hyphens=False)
    lines = [f'{pad}"""{first[0]}', *(pad + line for line in first[1:])]
    if more:
        lines += ["", *(pad + line for line in _wrapped(more, WIDTH - indent))]
    return [*lines, f'{pad}"""']


def _wrapped(text: str, width: int) -> list[str]:
    """Lines that break between the items of a legend where they can, not inside them."""
    glued = "; ".join(item.replace(" ", "\x00") for item in text.split("; "))
    lines = textwrap.wrap(glued, width, break_on_hyphens=False, break_long_words=False)
    return [line.replace("\x00", " ") for line in lines]


def sentence(text: str) -> str:
    """Text as a sentence: a capital in front, a full stop behind."""
    text = quiet(text)
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) or not text else f"{text}."
