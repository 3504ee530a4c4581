"""What blocks are called in figures: alone, in a series, in a pattern, and many times."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from tfspec.graph.trace import Trace


def pattern(layers: Iterable[Trace]) -> str:
    """The layers of a pattern in turn, equal neighbours once."""
    runs = ((name, len(list(run))) for name, run in groupby(layer.title for layer in layers))
    return ", ".join(repeated(name, count) for name, count in runs)


def repeated(title: str, count: int) -> str:
    """`Row × 2`, `(Local, Full) × 13`: how often there is what a title names."""
    return f"{grouped(title, count)} × {count}" if count > 1 else title


def grouped(title: str, count: int) -> str:
    """A title that a count follows: several names in brackets, for it counts them all."""
    return f"({title})" if count > 1 and ", " in title else title
