"""Which of the ways to draw a figure fits best: with how many blocks open, how close, how cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.graph.trace import Trace
from tfspec.passes.draw.fit import CUTS, ENOUGH, ROOMS, WORTH
from tfspec.passes.draw.measure import Spacing

if TYPE_CHECKING:
    from tfspec.passes.draw.draw import Drawing

Blocks = list[list[Trace]]
"""What is drawn open: blocks, each with what in it is open too."""


def most_open(drawn: Callable[[Blocks], Drawing], blocks: Blocks, fewest: int) -> Drawing:
    """The figure with as many blocks open as there is room for, and no fewer than so many."""
    every = drawn(blocks)
    if len(blocks) > fewest and every.fitting == 1:
        return every
    least = drawn(blocks[:fewest]) if len(blocks) > fewest else every
    found = fitting(least)
    if found is None:  # nor is there room for more
        return _close(least) or _with_less(drawn, blocks[:fewest]) or least
    for count in range(len(blocks), fewest, -1):
        more = fitting(drawn(blocks[:count]) if count < len(blocks) else every)
        if more is not None:
            return more
    return found


def _with_less(drawn: Callable[[Blocks], Drawing], blocks: Blocks) -> Drawing | None:
    """The figure with these blocks open, but nothing in them."""
    outer = [block[:1] for block in blocks]
    if outer == blocks:
        return None
    less = drawn(outer)
    return fitting(less) or _close(less)


def _close(whole: Drawing) -> Drawing | None:
    """The figure set closer than others are, as it has no room else."""
    return _best(_closer(whole, ROOMS[whole.width].last))


def fitting(whole: Drawing) -> Drawing | None:
    """The figure so that there is room for it: as it is, closer, smaller, or in columns."""
    tight = replace(whole, spacing="tight")
    for found in (whole, tight):
        if found.fitting == 1:
            return found
        if found.least[0] > ROOMS[whole.width].size[0]:
            break  # closer is lower, and as wide
    return _best(_closer(tight, ROOMS[whole.width].spacings))


def _best(drawings: Iterable[Drawing]) -> Drawing | None:
    """The first whose text is large enough, else that of the largest."""
    best, most = None, 0.0
    for found in drawings:
        factor = found.fitting or 0.0
        if factor >= ENOUGH:
            return found
        if most < factor * WORTH ** (found.cut - 1):
            best, most = found, factor * WORTH ** (found.cut - 1)
    return best


def _closer(whole: Drawing, spacings: Sequence[Spacing]) -> Iterator[Drawing]:
    """Each spacing, and with each as many columns as there may be room for: more are wider."""
    room = ROOMS[whole.width]
    for spacing in spacings:
        found = whole if spacing == whole.spacing else replace(whole, spacing=spacing)
        yield found
        for cut in CUTS:
            if room.width_is_too_large(found.least[0]):
                break
            found = replace(found, cut=cut)
            yield found
