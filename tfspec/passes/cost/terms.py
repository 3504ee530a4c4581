"""How a cost grows, read off its formula: leading terms, and where they overtake the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import lcm

from tfspec.symbolic import Dim, sym
from tfspec.symbolic.atoms import Atom, Division, Max, Min, Mod, Quotient, Symbol
from tfspec.symbolic.errors import Indivisible
from tfspec.symbolic.terms import Monomial

FARTHEST = 1 << 40
"""No text is longer: beyond, the leading terms never overtake the rest."""


def degree(formula: Dim, symbol: str) -> int:
    """The highest power of a symbol among the formula's products; 0 where it has none."""
    return max((_power(mono, symbol) for mono in formula.terms), default=0)


def leading(formula: Dim, symbol: str) -> Dim:
    """The terms that win where this symbol grows and all else stays."""
    most = degree(formula, symbol)
    return Dim({mono: n for mono, n in formula.terms.items() if _power(mono, symbol) == most})


def order(formula: Dim, symbol: str, shown: Iterable[str]) -> str:
    """O(N²·d): what the leading terms in a symbol are in the symbols shown, all else constant, and
    what divides too."""
    names = list(dict.fromkeys([symbol, *shown]))
    powers = {
        tuple(max(_power(mono, name), 0) for name in names)
        for mono in leading(formula, symbol).terms
    }
    total = Dim.of(0)
    for each in powers:
        if not any(_outgrown(each, other) for other in powers if other != each):
            product = Dim.of(1)
            for name, exponent in zip(names, each, strict=True):
                product = product * sym(name) ** exponent
            total = total + product
    return f"O({total})"


def overtakes(part: Dim, rest: Dim, symbol: str, values: Mapping[str, int]) -> int | None:
    """The least value of a symbol from which on a part is at least as much as the rest.

    None where it always is, or never, or where that cannot be told, as a divisor would be 0. The
    terms must not be negative. Only values count at which whatever is divided exactly is divisible.
    """
    if not rest.terms or symbol not in part.symbols:
        return None
    try:
        return _overtaking(part, rest, symbol, values)
    except Indivisible:
        return None


def _overtaking(part: Dim, rest: Dim, symbol: str, values: Mapping[str, int]) -> int | None:
    step = lcm(_step(part, symbol, values), _step(rest, symbol, values))
    first = values.get(symbol, 0) % step or step

    def ahead(steps: int) -> bool:
        here = {**values, symbol: first + step * steps}
        return part.value(here) >= rest.value(here)

    low, high = 0, 0
    while not ahead(high):
        low, high = high + 1, 2 * high + 1
        if high > FARTHEST:
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if ahead(middle) else (middle + 1, high)
    return first + step * high


def _step(formula: Dim, symbol: str, values: Mapping[str, int]) -> int:
    """By how much a symbol may grow so that what is divided exactly still is: 4 for (M/m²), m = 2.

    From a value at which all is exact, as that of the spec.
    """
    found = 1
    for atom in formula.atoms:
        if symbol in atom.symbols:
            for part in atom.parts:
                found = lcm(found, _step(part, symbol, values))
            if isinstance(atom, Quotient):
                found = lcm(found, atom.den.value(values) * _step(atom.num, symbol, values))
    return found


@dataclass(frozen=True)
class Regimes:
    """A formula on both sides of its minima in a symbol: below all of them, and above all.

    Below, what grows is the least; above, what does not. `first` and `last` are where they turn.
    """

    first: Dim
    last: Dim
    below: Dim
    above: Dim


def regimes(formula: Dim, symbol: str, values: Mapping[str, int]) -> Regimes | None:
    """None for a formula without a minimum that turns in the symbol."""
    minima = [atom for atom in formula.atoms if isinstance(atom, Min) and _turns(atom, symbol)]
    turns = {atom: _bound(atom, symbol) for atom in minima}
    if not turns:
        return None
    bounds = sorted(turns.values(), key=lambda bound: bound.value(values))
    grown = {atom: max(atom.parts, key=lambda part: degree(part, symbol)) for atom in turns}
    return Regimes(bounds[0], bounds[-1], _with(formula, grown), _with(formula, turns))


def _turns(atom: Min, symbol: str) -> bool:
    """Whether one side of it grows in the symbol and another does not."""
    powers = [degree(part, symbol) for part in atom.parts]
    return min(powers) == 0 < max(powers)


def _bound(atom: Min, symbol: str) -> Dim:
    """What a minimum is at most, however large the symbol is."""
    return Dim.minimum(*(part for part in atom.parts if degree(part, symbol) == 0))


def _with(formula: Dim, atoms: Mapping[Min, Dim]) -> Dim:
    """The formula with other sizes for some of its atoms."""
    total = Dim.of(0)
    for mono, number in formula.terms.items():
        product = Dim.of(number)
        for atom, exponent in mono:
            one = atoms.get(atom) if isinstance(atom, Min) else None
            product = product * (Dim({((atom, 1),): 1}) if one is None else one) ** exponent
        total = total + product
    return total


def _outgrown(powers: tuple[int, ...], by: tuple[int, ...]) -> bool:
    return all(one <= other for one, other in zip(powers, by, strict=True))


def _power(mono: Monomial, symbol: str) -> int:
    return sum(exponent * _degree(atom, symbol) for atom, exponent in mono)


def _degree(atom: Atom, symbol: str) -> int:
    """How an atom grows in a symbol: a minimum as its slowest part, a maximum as its fastest."""
    if isinstance(atom, Symbol):
        return int(atom.name == symbol)
    if isinstance(atom, Mod):
        return 0
    if isinstance(atom, Division):
        return degree(atom.num, symbol) - degree(atom.den, symbol)
    parts = [degree(part, symbol) for part in atom.parts]
    return max(parts) if isinstance(atom, Max) else min(parts)
