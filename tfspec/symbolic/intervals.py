"""Bounds of a size over a box of allowed values: quick ones, and sharp ones of polynomials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, product
from math import inf
from typing import TypeAlias

from tfspec.symbolic.atoms import Atom, Division, Max, Min, Mod, Quotient, Symbol, inside
from tfspec.symbolic.dim import Dim, sym
from tfspec.symbolic.errors import Indivisible
from tfspec.symbolic.rational import Fraction, fraction

Bound: TypeAlias = int | float  # a float only where it is infinite
Interval: TypeAlias = tuple[Bound, Bound]
Box: TypeAlias = Mapping[str, Interval]

_EVERYTHING: Interval = (-inf, inf)
_CASES = 16
_CORNERS = 16


def interval(size: Dim, box: Box) -> Interval:
    """Two bounds between which the size lies; never wrong, and not always the nearest."""
    low: Bound = 0
    high: Bound = 0
    for mono, coefficient in size.terms.items():
        bounds: Interval = (coefficient, coefficient)
        for atom, exponent in mono:
            bounds = _times(bounds, _power(_of_atom(atom, box), exponent))
        low, high = low + bounds[0], high + bounds[1]
    return low, high


def _times(left: Interval, right: Interval) -> Interval:
    ends = [_end(a, b) for a in left for b in right]
    return min(ends), max(ends)


def _end(a: Bound, b: Bound) -> Bound:
    """a · b, where nothing of something endless is nothing, and no integer becomes a float."""
    if a == 0 or b == 0:
        return 0
    if abs(a) == inf or abs(b) == inf:
        return inf if (a > 0) == (b > 0) else -inf
    return a * b


def _power(base: Interval, exponent: int) -> Interval:
    result: Interval = (1, 1)
    for _ in range(exponent):
        result = _times(result, base)
    return (max(0, result[0]), result[1]) if exponent % 2 == 0 else result


def _of_atom(atom: Atom, box: Box) -> Interval:
    if isinstance(atom, Symbol):
        return box.get(atom.name, _EVERYTHING)
    if isinstance(atom, Division):
        return _of_division(atom, interval(atom.num, box), interval(atom.den, box))
    lows, highs = zip(*(interval(part, box) for part in atom.parts), strict=True)
    pick = min if isinstance(atom, Min) else max
    return pick(lows), pick(highs)


def _of_division(atom: Division, num: Interval, den: Interval) -> Interval:
    if den[0] < 1:
        return _EVERYTHING
    if isinstance(atom, Mod):
        within = den[1] - 1
        return (0, min(within, num[1]) if num[0] >= 0 else within)
    # A positive denominator: the quotient is least and greatest at the ends of both.
    ends = [_floor(a, b) for a in num for b in den]
    return min(ends), max(ends)


def _floor(a: Bound, b: Bound) -> Bound:
    if abs(a) == inf:
        return a
    if b == inf:
        return -1 if a < 0 else 0
    return a // b


def never_negative(size: Dim, box: Box) -> bool:
    """Whether size >= 0 in the whole box is proved; False when it is not, for whatever reason.

    A minimum or maximum is each of its parts in turn, a floor is its quotient less a rest, and what
    is then a polynomial is written from a corner of the box, where no coefficient may be negative.
    """
    if interval(size, box)[0] >= 0:
        return True
    found = {atom for top in size.atoms for atom in inside(top) if isinstance(atom, Min | Max)}
    extremes = sorted(found, key=lambda atom: atom.rank)
    cases = list(islice(product(*(atom.parts for atom in extremes)), _CASES + 1))
    return len(cases) <= _CASES and all(
        _holds_in_case(size, dict(zip(extremes, case, strict=True)), box) for case in cases
    )


def _holds_in_case(size: Dim, chosen: Mapping[Min | Max, Dim], box: Box) -> bool:
    """What is least is at most every other: that may be taken off before the sign is read."""
    relaxed = _Relaxed(chosen, box)
    if relaxed.never_negative(size):
        return True
    for atom, part in chosen.items():
        weight = abs(size.terms.get(((atom, 1),), 1))
        for other in atom.parts:
            margin = (other - part) if isinstance(atom, Min) else (part - other)
            if other != part and relaxed.never_negative(size - margin * weight):
                return True
    return False


class _Relaxed:
    """A box with a symbol for the rest of every floor, and for every atom that stays opaque."""

    def __init__(self, chosen: Mapping[Min | Max, Dim], box: Box) -> None:
        self.chosen: Mapping[Atom, Dim] = {**chosen}
        self.outer = box
        self.box = dict(box)
        self.rests: dict[Atom, Dim] = {}

    def never_negative(self, size: Dim) -> bool:
        try:
            num, den = fraction(size, self._replace)
        except Indivisible:
            return False
        if den.constant is not None:
            # The size is an integer: num / den > -1 is enough.
            num, den = (num, den) if den.constant > 0 else (-num, -den)
            return _corner(num + den - 1, self.box)
        return _corner(den, self.box) and _corner(num, self.box)

    def _replace(self, atom: Atom) -> Fraction | None:
        if isinstance(atom, Symbol | Quotient):
            return None
        if atom in self.chosen:
            return fraction(self.chosen[atom], self._replace)
        divisor = (atom.den.constant or 0) if isinstance(atom, Division) else 0
        if not isinstance(atom, Division) or divisor < 1:
            return self._fresh(atom, _of_atom(atom, self.outer)), Dim.of(1)
        if isinstance(atom, Mod):
            return None  # becomes num - den · (num // den), whose floor comes back here
        num, den = fraction(atom.num, self._replace)
        return num - den * self._fresh(atom, (0, divisor - 1)), den * divisor

    def _fresh(self, atom: Atom, bounds: Interval) -> Dim:
        if atom not in self.rests:
            # No name of a spec can be a number, so these clash with none.
            name = f"{len(self.rests)}"
            self.rests[atom] = sym(name)
            self.box[name] = bounds
        return self.rests[atom]


def _corner(size: Dim, box: Box) -> bool:
    """Whether some corner shows the polynomial to be nowhere negative.

    With x = low + t, or x = high - t, and t >= 0, a sum without minus signs is not negative.
    """
    choices = [_ends(name, box.get(name, _EVERYTHING)) for name in sorted(size.symbols)]
    return any(
        all(c >= 0 for c in size.subs(dict(corner)).terms.values())
        for corner in islice(product(*choices), _CORNERS)
    )


def _ends(name: str, bounds: Interval) -> Sequence[tuple[str, Dim]]:
    low, high = bounds
    ends: list[tuple[str, Dim]] = []
    if isinstance(low, int):
        ends.append((name, sym(name) + low))
    if isinstance(high, int):
        ends.append((name, high - sym(name)))
    return ends
