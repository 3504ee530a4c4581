"""Random tables of positions: over all tokens, or over some axes and parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tests.fuzz import steps
from tests.fuzz.maker import Maker
from tests.fuzz.steps import Made
from tests.fuzz.values import Axis, Part, Val


def pos(m: Maker, x: Val) -> Made | None:
    if x.single or not any(axis.top is not None for part in x.parts for axis in part.axes):
        return None
    made = _sinusoidal(m, x) if m.chance(45) else _learned(m, x)
    return None if made is None else ({"pos": made}, x)


def _sinusoidal(m: Maker, x: Val) -> Any:
    axes = _some(m, m.pick([part for part in x.parts if part.axes]))
    plain = x.bounded and len(x.parts) == 1 and m.chance(30)
    axes = [*x.parts[0].axes] if plain else axes
    if not axes or x.width % (2 * len(axes)):
        return None
    knobs: dict[str, Any] = {"sinusoidal": "*".join(axis.name for axis in axes)}
    if m.chance(30):
        knobs["base"] = m.pick([100, 10000, 50.5])
    if m.chance(40):
        knobs["layout"] = m.pick(["interleaved", "halves", "cosines_first"])
    return "sinusoidal" if plain else knobs


def _learned(m: Maker, x: Val) -> Any:
    """A table over all tokens, over one term, or over several."""
    if x.bounded and m.chance(40):
        return "learned"
    terms: list[Sequence[Axis] | str] = []
    for part in x.parts:
        if not part.axes and m.chance(60):
            terms.append(part.name)
        elif part.axes and m.chance(70):
            terms.append(_some(m, part))
    terms = [term for term in terms if term]
    if not terms or not _apart(terms, x.parts):
        return None
    names = [t if isinstance(t, str) else "*".join(axis.name for axis in t) for t in terms]
    if any(part.name in names and len(part.axes) > 1 for part in x.parts):
        return None  # an axis of its part's name: the name alone means the part, all its axes
    knobs: dict[str, Any] = {"learned": " + ".join(names)}
    rows = sum(1 if isinstance(t, str) else math.prod(a.top or 0 for a in t) for t in terms)
    if m.chance(25):
        knobs["offset"] = m.number(0, 3)
        rows += knobs["offset"]
    if m.chance(25):
        rows += m.number(0, 3)
        knobs["rows"] = m.size(rows)
    if m.chance(25):
        knobs["share"] = steps.share(m, "places", rows, x.width)
    return knobs


def _some(m: Maker, part: Part) -> list[Axis]:
    """Some bounded axes of a part, in some order."""
    axes = [axis for axis in part.axes if axis.top is not None]
    kept = [axis for axis in axes if m.chance(75)] or axes[:1]
    return kept[::-1] if m.chance(20) else kept


def _apart(terms: list[Sequence[Axis] | str], parts: tuple[Part, ...]) -> bool:
    """Every part is of one term at most, and the axes of one name are of one length."""
    known: dict[str, Axis] = {}
    for part in parts:
        names = {axis.name for axis in part.axes}
        fits = [t for t in terms if t == part.name
                or (not isinstance(t, str) and {a.name for a in t} <= names)]  # fmt: skip
        if len(fits) > 1:
            return False
        for axis in part.axes:
            if known.setdefault(axis.name, axis) != axis:
                return False
    return True
