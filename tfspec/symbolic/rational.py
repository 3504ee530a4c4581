"""A size as one polynomial over another: quotients brought over a common denominator."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from tfspec.symbolic.atoms import Atom, Mod, Quotient
from tfspec.symbolic.dim import UNIT, ZERO, Dim
from tfspec.symbolic.division import lowest
from tfspec.symbolic.errors import Indivisible

Fraction: TypeAlias = tuple[Dim, Dim]
Replace: TypeAlias = Callable[[Atom], Fraction | None]


def as_is(atom: Atom) -> Fraction | None:
    """Replace no atom."""
    return None


@lru_cache(maxsize=4096)
def vanishes(size: Dim) -> bool:
    """Whether the size is 0 as a rational expression, whatever its symbols are."""
    return fraction(size, as_is)[0] == ZERO


def fraction(size: Dim, replace: Replace) -> Fraction:
    """(num, den) with size = num / den, where no quotient or remainder stands in a product.

    An atom for which `replace` gives a fraction is taken as that fraction.
    Raises Indivisible where a denominator comes to 0.
    """
    num, den = ZERO, UNIT
    for mono, coefficient in size.terms.items():
        over, under = Dim.of(coefficient), UNIT
        for atom, exponent in mono:
            top, bottom = _atom(atom, replace)
            over, under = over * top**exponent, under * bottom**exponent
        num, den = _sum(num, den, over, under)
    return num, den


def _sum(num: Dim, den: Dim, over: Dim, under: Dim) -> Fraction:
    if under == den:
        return lowest(num + over, den) if den != UNIT else (num + over, den)
    return lowest(num * under + over * den, den * under)


def _atom(atom: Atom, replace: Replace) -> Fraction:
    replaced = replace(atom)
    if replaced is not None:
        return replaced
    if isinstance(atom, Quotient):
        top, under = fraction(atom.num, replace)
        bottom, over = fraction(atom.den, replace)
        if bottom == ZERO:
            raise Indivisible(atom.num, ZERO, (atom.num.constant or 0, 0))
        return top * over, under * bottom
    if isinstance(atom, Mod):
        return fraction(atom.num - atom.den * atom.num.floor_div(atom.den), replace)
    return Dim({((atom, 1),): 1}), UNIT
