"""What a comparison of coordinates is, where the sizes alone decide it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tfspec.graph import mask_tree as mt
from tfspec.symbolic import Dim, sym
from tfspec.symbolic.claims import AtLeast, Equal
from tfspec.symbolic.domain import Batch, Domain, Range
from tfspec.symbolic.errors import Indivisible, TooComplex
from tfspec.symbolic.facts import Facts

Coordinate = mt.Index | mt.OnAxis | mt.Given


@dataclass(frozen=True)
class Loose:
    """A coordinate that may be 0, 1, ..., count - 1 (without end where there is none)."""

    name: str
    count: Dim | None


@dataclass
class Bounds:
    """Decides comparisons; `known` says of each coordinate what it is, or what it may be."""

    facts: Facts
    known: Callable[[Coordinate], Dim | Loose]
    loose: dict[str, Domain] = field(default_factory=dict[str, Domain])

    def decide(self, compare: mt.Compare) -> bool | None:
        """Whether the comparison holds for all values, for none, or None: for some, or unknown."""
        try:
            difference = self._number(compare.left) - self._number(compare.right)
            return self._sign(compare.sign, difference)
        except (Indivisible, TooComplex):
            return None

    def _sign(self, sign: str, d: Dim) -> bool | None:
        match sign:
            case "<":
                return self._holds(AtLeast(-d, Dim.of(1)), AtLeast(d, Dim.of(0)))
            case ">=":
                return self._holds(AtLeast(d, Dim.of(0)), AtLeast(-d, Dim.of(1)))
            case "<=" | ">":
                found = self._holds(AtLeast(-d, Dim.of(0)), AtLeast(d, Dim.of(1)))
                return found if sign == "<=" or found is None else not found
            case _:
                none = AtLeast(d, Dim.of(1)), AtLeast(-d, Dim.of(1))
                found = self._holds(Equal(d, Dim.of(0)), *none)
                return found if sign == "==" or found is None else not found

    def _holds(self, claim: AtLeast | Equal, *against: AtLeast) -> bool | None:
        facts = self.facts.changed(self.loose) if self.loose else self.facts
        if facts.proves(claim):
            return True
        return False if any(map(facts.proves, against)) else None

    def _number(self, number: mt.Number) -> Dim:
        match number:
            case mt.Size(size):
                return size
            case mt.Absolute(inner):
                return self._absolute(self._number(inner))
            case mt.Arithmetic(sign, left, right):
                return combined(sign, self._number(left), self._number(right))
            case _:
                known = self.known(number)
                return known if isinstance(known, Dim) else self._symbol(known)

    def _symbol(self, loose: Loose) -> Dim:
        """Dims are 1 or more: a coordinate is one less."""
        most = None if loose.count is None else self.facts.maximum(loose.count)
        self.loose[loose.name] = Batch() if most is None else Range(1, max(most, 1))
        return sym(loose.name) - 1

    def _absolute(self, d: Dim) -> Dim:
        sign = self._sign(">=", d)
        if sign is not None:
            return d if sign else -d
        facts = self.facts.changed(self.loose)
        most, least = facts.maximum(d), facts.minimum(d)
        count = None if most is None or least is None else Dim.of(max(most, -least) + 1)
        return self._symbol(Loose(f"abs({d})", count))


def combined(sign: str, a: Dim, b: Dim) -> Dim:
    """a SIGN b, of + - * // %. Raises TooComplex."""
    match sign:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "//":
            return a.floor_div(b)
        case _:
            return a.mod(b)
