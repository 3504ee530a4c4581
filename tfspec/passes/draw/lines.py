"""Knobs in the lines of a box: with commas between them, long ones broken, lines evenly long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, pairwise

from tfspec.passes.draw.measure import Measure

_FEW = 6
"""Knobs of which every way to put them in lines is tried."""
_LINES = 6
"""Lines that knobs take at most."""
_CONDITION = re.compile(" (?=(?:and|or) )")


@lru_cache(maxsize=4096)
def wrapped(m: Measure, knobs: tuple[str, ...], most: int, apart: bool = False) -> tuple[str, ...]:
    """Knobs in lines with commas, long ones broken; what does not fit into the last line is cut.

    With `apart` each begins a line: a closed block's modules, whose names have commas themselves.
    """
    lines: list[str] = []
    for knob in knobs:
        for number, piece in enumerate(_pieces(m, knob, most)):
            longer = f"{lines[-1]}{' ' if number else ', '}{piece}" if lines else piece
            if lines and not (number or apart) and m.width(longer, "knob") <= most:
                lines[-1] = longer
            elif len(lines) < _LINES:
                lines.append(piece)
            else:
                lines[-1] = longer
    broken = any(m.width(knob, "knob") > most for knob in knobs)
    if len(lines) > 1 and len(knobs) <= _FEW and not (apart or broken):
        lines = _even(m, knobs, len(lines))
    return tuple(m.cut(line, "knob", most) for line in lines)


def _even(m: Measure, knobs: Sequence[str], count: int) -> list[str]:
    """Knobs in so many lines, as short as may be: none stands alone below a full line."""
    ways = (
        [", ".join(knobs[a:b]) for a, b in pairwise((0, *cuts, len(knobs)))]
        for cuts in combinations(range(1, len(knobs)), count - 1)
    )
    return min(ways, key=lambda lines: max(m.width(line, "knob") for line in lines))


def _pieces(m: Measure, knob: str, most: int) -> list[str]:
    """A knob that is too long for a line in several, each as long as may be.

    A condition is broken before its `and` and `or`, and what is still too long between words.
    """
    pieces: list[str] = []
    for word in _words(m, knob, most):
        longer = f"{pieces[-1]} {word}" if pieces else word
        if pieces and m.width(longer, "knob") <= most:
            pieces[-1] = longer
        else:
            pieces.append(word)
    return pieces


def _words(m: Measure, knob: str, most: int) -> list[str]:
    """Where a knob may be broken."""
    if m.width(knob, "knob") <= most:
        return [knob]
    parts = _CONDITION.split(knob)
    return [
        word
        for part in parts
        for word in ([part] if m.width(part, "knob") <= most else part.split(" "))
    ]
