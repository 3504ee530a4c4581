"""Markdown: a page, tables, code, and docstrings as paragraphs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

MADE = "<!-- Written by `make reference` from the code. A change here is lost: change the code. -->"


def page(title: str, about: str, *sections: str) -> str:
    """A whole page, which says that it is made."""
    return "\n\n".join([f"# {title}", MADE, about, *filter(None, sections)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; an empty text where there are no rows."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(head), _row(["---"] * len(head)), *lines]) if lines else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def code(text: str, language: str = "") -> str:
    """A block of text as it is."""
    return f"```{language}\n{text.rstrip()}\n```"


def told(thing: object) -> str:
    """What a class's own docstring says, as paragraphs."""
    return inspect.cleandoc(getattr(thing, "__doc__", None) or "")


def anchor(title: str) -> str:
    """Where a heading of these words is."""
    kept = "".join(sign for sign in title.lower() if sign.isalnum() or sign in " -_")
    return "#" + kept.replace(" ", "-")
