"""The smallest change of a declaration under which a refuted claim holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from math import lcm
from typing import TYPE_CHECKING

from tfspec.symbolic.claims import AtLeast, Claim, Divides, Equal
from tfspec.symbolic.dim import Dim, sym
from tfspec.symbolic.domain import Domain, Fixed, Multiple, Range
from tfspec.symbolic.errors import Indivisible, TooComplex

if TYPE_CHECKING:
    from tfspec.symbolic.facts import Facts

_TRIES = 48
_LARGEST = 1 << 20  # a divisor of anything larger mends no real spec


def mend(claim: Claim, facts: Facts, point: Mapping[str, int]) -> str | None:
    """A declaration as spec text (`H: multiple(16)`, `T: 1..512`), or None."""
    try:
        return _fixed(claim, facts) if not point else _free(claim, facts, point)
    except (Indivisible, TooComplex):
        return None


# Every dim has one value: change the one that stands alone.


def _fixed(claim: Claim, facts: Facts) -> str | None:
    left, right = facts.value(claim.left), facts.value(claim.right)
    if left is None or right is None:
        return None
    for name, value in _lone(claim, facts, left, right):
        if value > 0 and facts.changed({name: Fixed(value)}).proves(claim):
            return f"{name}: {value}"
    return None


def _lone(claim: Claim, facts: Facts, left: int, right: int) -> Iterator[tuple[str, int]]:
    """A dim that is one side by itself, or is divided there, and a value of it that would do."""
    divides = isinstance(claim, Divides)
    if claim.left.name is not None:
        yield claim.left.name, nearest_divisor(left, right) if divides else right
    if claim.right.name is not None:
        yield claim.right.name, nearest_multiple(right, left) if divides and left else left
    elif divides and left:
        den = facts.value(_denominator(claim.right, facts))
        for name in sorted(claim.right.symbols):
            value = facts.value(sym(name))
            if value is not None and den is not None:
                yield name, nearest_multiple(value, left * den)


def nearest_multiple(wanted: int, of: int) -> int:
    """The positive multiple of `of` nearest to `wanted`."""
    return max(1, round(wanted / of)) * of


def divisors(number: int) -> list[int]:
    """The positive integers that divide a positive one, ascending."""
    small = [n for n in range(1, int(number**0.5) + 1) if number % n == 0]
    return small + [number // n for n in reversed(small) if n * n != number]


def nearest_divisor(wanted: int, number: int) -> int:
    """The divisor of `number` nearest to `wanted`, the smaller of two; 1 if none is known."""
    if not 0 < number <= _LARGEST:
        return 1
    return min(divisors(number), key=lambda n: abs(n - wanted))


# Some dims vary: narrow one of them.


def _free(claim: Claim, facts: Facts, point: Mapping[str, int]) -> str | None:
    narrow = _NARROWINGS[type(claim)]
    for name in sorted(point):
        for domain in islice(narrow(claim, facts, name), _TRIES):
            if facts.changed({name: domain}).proves(claim):
                return f"{name}: {domain}"
    return None


def _multiples(claim: Claim, facts: Facts, name: str) -> Iterator[Domain]:
    """Multiples of ever more of what must divide, no larger than the dim may be now."""
    domain = facts.domains[name]
    number = facts.value(claim.left * _denominator(claim.right, facts))
    if not isinstance(domain, Multiple | Range) or not number or abs(number) > _LARGEST:
        return
    unit, most = (domain.of, domain.most) if isinstance(domain, Multiple) else (1, domain.last)
    units = sorted({lcm(unit, part) for part in divisors(abs(number))})
    yield from (Multiple(of, most) for of in units if unit < of <= (most or of))


def _denominator(size: Dim, facts: Facts) -> Dim:
    total = Dim.of(1)
    for quotient in facts.obligations(size):
        total = total * quotient.den
    return total


def _narrower(claim: Claim, facts: Facts, name: str) -> Iterator[Domain]:
    """The longest part of a range, from either end; the least multiple that is large enough."""
    domain = facts.domains[name]

    def proves(candidate: Domain) -> bool:
        return facts.changed({name: candidate}).proves(claim)

    if isinstance(domain, Range):
        low, high = domain.first, domain.last
        if proves(Fixed(low)):
            yield _range(low, _last(low, high, lambda last: proves(Range(low, last))))
        if proves(Fixed(high)):
            yield _range(_first(low, high, lambda first: proves(Range(first, high))), high)
    if isinstance(domain, Multiple):
        of, most = domain.of, (domain.high or _LARGEST) // domain.of + (domain.high is None)
        if proves(Multiple(of, of)):
            last = _last(1, most, lambda n: proves(Multiple(of, of * n)))
            yield Multiple(of, of * last)
        if proves(Multiple(of * most, domain.high)):
            first = _first(1, most, lambda n: proves(Multiple(of * n, domain.high)))
            yield Multiple(of * first, domain.high)


def _range(first: int, last: int) -> Domain:
    return Range(first, last) if first < last else Fixed(first)


def _last(low: int, high: int, good: Callable[[int], bool]) -> int:
    """The last good integer, where the good ones come first; `low` if none is."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if good(middle) else (low, middle - 1)
    return low


def _first(low: int, high: int, good: Callable[[int], bool]) -> int:
    """The first good integer, where the good ones come last; `high` if none is."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle + 1, high)
    return low


def _solutions(claim: Claim, facts: Facts, name: str) -> Iterator[Domain]:
    """The one value at which both sides agree, where a dim stands alone against a number."""
    for one, other in ((claim.left, claim.right), (claim.right, claim.left)):
        value = facts.value(other)
        if one.name == name and value is not None and facts.domains[name].contains(value):
            yield Fixed(value)


_NARROWINGS: dict[type[Claim], Callable[[Claim, Facts, str], Iterator[Domain]]] = {
    Divides: _multiples,
    AtLeast: _narrower,
    Equal: _solutions,
}
