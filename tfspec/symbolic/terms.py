"""Sums of products of atoms as plain dictionaries: the ring that sizes live in.

A monomial is a tuple of (atom, exponent), in the order of the atoms' ranks, all exponents positive.
Terms map monomials to integers other than zero; the empty monomial is the constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import gcd
from typing import TypeAlias

from tfspec.symbolic.atoms import Atom
from tfspec.symbolic.errors import MAX_BITS, MAX_DEGREE, MAX_PRODUCTS, MAX_TERMS, TooComplex

Monomial: TypeAlias = tuple[tuple[Atom, int], ...]
Terms: TypeAlias = dict[Monomial, int]
ReadTerms: TypeAlias = Mapping[Monomial, int]

ONE: Monomial = ()
_LARGEST = 1 << MAX_BITS


def _rank(power: tuple[Atom, int]) -> tuple[int, str]:
    return power[0].rank


def monomial(powers: dict[Atom, int]) -> Monomial:
    """The monomial with these powers; zero exponents are left out."""
    return tuple(sorted(((a, e) for a, e in powers.items() if e), key=_rank))


def degree(mono: Monomial) -> int:
    """The sum of the exponents."""
    return sum(exponent for _, exponent in mono)


@lru_cache(maxsize=8192)
def times(left: Monomial, right: Monomial) -> Monomial:
    """The product of two monomials."""
    powers = dict(left)
    for atom, exponent in right:
        powers[atom] = powers.get(atom, 0) + exponent
    product = monomial(powers)
    if degree(product) > MAX_DEGREE:
        raise TooComplex(f"the size has a degree over {MAX_DEGREE}")
    return product


def over(left: Monomial, right: Monomial) -> Monomial | None:
    """left / right where every atom of `right` cancels, else None."""
    powers = dict(left)
    for atom, exponent in right:
        powers[atom] = powers.get(atom, 0) - exponent
        if powers[atom] < 0:
            return None
    return monomial(powers)


def common(left: Monomial, right: Monomial) -> Monomial:
    """The greatest monomial that divides both."""
    if not left or not right:
        return ONE
    powers = dict(right)
    return tuple((a, min(e, powers[a])) for a, e in left if a in powers)


def checked(terms: Terms) -> Terms:
    """The same terms, when they are few and small enough to go on with."""
    if len(terms) > MAX_TERMS:
        raise TooComplex(f"the size has over {MAX_TERMS} terms when written out")
    if any(not -_LARGEST < c < _LARGEST for c in terms.values()):
        raise TooComplex(f"the size has a number of over {MAX_BITS} bits")
    return terms


def add(left: ReadTerms, right: ReadTerms, scale: int = 1) -> Terms:
    """left + scale · right."""
    total = dict(left)
    for mono, coefficient in right.items():
        _accumulate(total, mono, scale * coefficient)
    return checked(total)


def multiply(left: ReadTerms, right: ReadTerms) -> Terms:
    """left · right, written out."""
    if len(left) * len(right) > MAX_PRODUCTS:
        raise TooComplex("the size has too many terms when written out")
    total: Terms = {}
    for mono, c in left.items():
        for other, k in right.items():
            _accumulate(total, times(mono, other), c * k)
    return checked(total)


def _accumulate(total: Terms, mono: Monomial, coefficient: int) -> None:
    coefficient += total.get(mono, 0)
    if coefficient:
        total[mono] = coefficient
    else:
        total.pop(mono, None)


def content(terms: ReadTerms) -> int:
    """The greatest integer that divides every coefficient (0 for no terms)."""
    return gcd(*terms.values())


def common_monomial(terms: ReadTerms) -> Monomial:
    """The greatest monomial that divides every term."""
    monos = iter(terms)
    shared = next(monos, ONE)
    for mono in monos:
        shared = common(shared, mono)
    return shared


def leading(terms: ReadTerms) -> int:
    """The coefficient of the term of highest degree, the first by name among equals."""
    return terms[min(terms, key=lambda m: (-degree(m), [(a.rank, -e) for a, e in m]))]


def shrink(terms: ReadTerms, number: int, mono: Monomial) -> Terms:
    """terms / (number · mono), which must divide every term."""
    shrunk: Terms = {}
    for m, c in terms.items():
        rest = over(m, mono)
        assert rest is not None, "not a common factor"
        shrunk[rest] = c // number
    return shrunk


def divide(terms: ReadTerms, divisor: ReadTerms) -> Terms | None:
    """The terms whose product with `divisor` is `terms`, or None: long division, no remainder.

    Monomials are compared by exponents in the order of rank, which products respect, so an exact
    quotient exists just when no leading term fails to divide.
    """
    ranked = sorted({a for m in (*terms, *divisor) for a, _ in m}, key=lambda atom: atom.rank)

    def order(mono: Monomial) -> tuple[int, ...]:
        powers = dict(mono)
        return tuple(powers.get(atom, 0) for atom in ranked)

    lead = max(divisor, key=order)
    rest, quotient = dict(terms), Terms()
    for _ in range(MAX_TERMS):
        if not rest:
            return quotient
        top = max(rest, key=order)
        mono = over(top, lead)
        if mono is None or rest[top] % divisor[lead]:
            return None
        step = rest[top] // divisor[lead]
        quotient[mono] = step
        rest = add(rest, multiply(divisor, {mono: step}), -1)
    return None
