"""What divides a size for every value of its symbols, and with what period its residues return."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, lcm

from tfspec.symbolic.atoms import Atom, Division, Floor, Max, Min, Mod, Quotient, Symbol
from tfspec.symbolic.dim import Dim


def divisor(size: Dim) -> int:
    """An integer that divides the size whatever its symbols are; 0 for the size 0."""
    return gcd(*(coefficient * _product(mono) for mono, coefficient in size.terms.items()))


def _product(mono: tuple[tuple[Atom, int], ...]) -> int:
    total = 1
    for atom, exponent in mono:
        total *= _of_atom(atom) ** exponent
    return total


def _of_atom(atom: Atom) -> int:
    if isinstance(atom, Quotient) and atom.den.constant is not None:
        # num = den · q, and g divides num: so g / gcd(g, den) divides q.
        whole = divisor(atom.num)
        return whole // gcd(whole, atom.den.constant)
    if isinstance(atom, Mod | Min | Max):
        return gcd(*(divisor(part) for part in atom.parts))
    return 1


def periods(size: Dim, modulus: int) -> Mapping[str, int] | None:
    """For each symbol, a step after which size mod modulus repeats; None if it need not repeat."""
    steps: dict[str, int] = {}
    return steps if _add_periods(size, modulus, steps) else None


def _add_periods(size: Dim, modulus: int, steps: dict[str, int]) -> bool:
    return all(_of_factor(atom, modulus, steps) for mono in size.terms for atom, _ in mono)


def _of_factor(atom: Atom, modulus: int, steps: dict[str, int]) -> bool:
    if isinstance(atom, Symbol):
        steps[atom.name] = lcm(steps.get(atom.name, 1), modulus)
        return True
    if not isinstance(atom, Division) or atom.den.constant is None:
        return False
    den = abs(atom.den.constant)
    inner = den * modulus if isinstance(atom, Floor | Quotient) else den
    return _add_periods(atom.num, inner, steps)
