"""A size: a sum of products of symbols, exact quotients, floors and extremes, in normal form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from tfspec.symbolic import printing
from tfspec.symbolic import terms as ring
from tfspec.symbolic.atoms import Atom, Quotient, Symbol
from tfspec.symbolic.errors import MAX_BITS, MAX_DEGREE, TooComplex
from tfspec.symbolic.terms import ONE, Monomial, Terms

# Results kept of each operation: a spec repeats a few hundred. An operand that is an integer is
# found as the size that it equals.
_CACHE = 8192


class Dim:
    """An immutable integer expression over named sizes.

    Sizes that are equal by the rules of the normal form are equal and hash alike; a constant equals
    its integer. The rules: products are written out over sums, like terms are added, and an exact
    quotient cancels: h·(d/h) = d, d/(d/32) = 32, (a·b)/b = a, (a + b)/b = a/b + 1.
    A quotient is an axiom, not a check: ask `Facts.divides` before making one.
    Every operation raises TooComplex when the result outgrows the bounds of `errors`, and
    Indivisible when it brings two integers together whose asserted quotient is not whole.
    """

    __slots__ = ("_depth", "_hash", "_size", "_symbols", "_terms", "plain")
    _terms: Terms
    plain: bool  # no quotient stands in a product, so products need no cancelling

    def __init__(self, terms: Terms) -> None:
        """Wrap terms in normal form; outside this package use `Dim.of`, `sym` and arithmetic."""
        self._terms = terms
        self._hash: int | None = None
        self._symbols: frozenset[str] | None = None
        self._size = self._depth = -1
        self.plain = not any(type(a) is Quotient for mono in terms for a, _ in mono)

    @staticmethod
    def of(value: Dim | int) -> Dim:
        """The size itself, or the constant size of an integer."""
        return value if isinstance(value, Dim) else _constant(value)

    # Arithmetic

    def __add__(self, other: Dim | int) -> Dim:
        return _add(self, other)

    def __radd__(self, other: int) -> Dim:
        return _add(Dim.of(other), self)

    def __sub__(self, other: Dim | int) -> Dim:
        return _subtract(self, other)

    def __rsub__(self, other: int) -> Dim:
        return _subtract(Dim.of(other), self)

    def __mul__(self, other: Dim | int) -> Dim:
        return _multiply(self, other)

    def __rmul__(self, other: int) -> Dim:
        return _multiply(Dim.of(other), self)

    def __neg__(self) -> Dim:
        return _multiply(self, Dim.of(-1))

    def __pow__(self, exponent: int) -> Dim:
        return _power(self, exponent)

    def exact_div(self, other: Dim | int) -> Dim:
        """self / other, asserted to leave no remainder; Indivisible when two integers do."""
        return _exact_div(self, Dim.of(other))

    def floor_div(self, other: Dim | int) -> Dim:
        """self // other, rounded down as Python rounds; Indivisible when `other` is 0."""
        return _floor_div(self, Dim.of(other))

    def mod(self, other: Dim | int) -> Dim:
        """self % other, with the sign of `other` as in Python; Indivisible when `other` is 0."""
        return _mod(self, Dim.of(other))

    @staticmethod
    def minimum(*sizes: Dim | int) -> Dim:
        """The least of one or more sizes."""
        return _minimum(*(Dim.of(size) for size in sizes))

    @staticmethod
    def maximum(*sizes: Dim | int) -> Dim:
        """The greatest of one or more sizes."""
        return _maximum(*(Dim.of(size) for size in sizes))

    # What it is

    @property
    def constant(self) -> int | None:
        """The integer, when no symbol is left."""
        if not self._terms:
            return 0
        return self._terms.get(ONE) if len(self._terms) == 1 else None

    @property
    def terms(self) -> Mapping[Monomial, int]:
        """The summands: a product of (atom, exponent) to its coefficient, never zero."""
        return self._terms

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """The atoms of the products, each once, in the order in which they print."""
        found = {atom for mono in self._terms for atom, _ in mono}
        return tuple(sorted(found, key=lambda atom: atom.rank))

    @property
    def symbols(self) -> frozenset[str]:
        """The names that the value depends on."""
        if self._symbols is None:
            found = (atom.symbols for mono in self._terms for atom, _ in mono)
            self._symbols = frozenset[str]().union(*found)
        return self._symbols

    @property
    def name(self) -> str | None:
        """The name, when this is one symbol and nothing else."""
        if len(self._terms) != 1 or next(iter(self._terms.values())) != 1:
            return None
        mono = next(iter(self._terms))
        if len(mono) != 1 or mono[0][1] != 1 or not isinstance(mono[0][0], Symbol):
            return None
        return mono[0][0].name

    @property
    def size(self) -> int:
        """How many atoms and terms it takes to write it: a bound on the work of a walk."""
        if self._size < 0:
            self._size = sum(1 + sum(a.size for a, _ in mono) for mono in self._terms)
        return self._size

    @property
    def depth(self) -> int:
        """How deep divisions, minima and maxima nest."""
        if self._depth < 0:
            self._depth = max((a.depth for mono in self._terms for a, _ in mono), default=0)
        return self._depth

    def value(self, bindings: Mapping[str, int]) -> int:
        """The integer when the symbols have these values.

        Raises UnboundSymbol for a name without a value, Indivisible where a quotient is not exact.
        """
        total = 0
        for mono, product in self._terms.items():
            for atom, exponent in mono:
                found = atom.value(bindings)
                product *= found if exponent == 1 else found**exponent
            total += product
        return total

    def subs(self, bindings: Mapping[str, Dim | int]) -> Dim:
        """The size with symbols replaced, all at once, and brought to normal form again.

        Raises Indivisible where a quotient of two integers is not exact.
        """
        if self.symbols.isdisjoint(bindings):
            return self
        total = ZERO
        for mono, coefficient in self._terms.items():
            product = Dim.of(coefficient)
            for atom, exponent in mono:
                found = atom.subs(bindings)
                product = product * (found if exponent == 1 else found**exponent)
            total = total + product
        return total

    # How it compares and prints

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, __class__):  # not Dim: at a process's end that name goes before atoms
            return self._terms == other._terms
        return isinstance(other, int) and self.constant == other

    def __hash__(self) -> int:
        if self._hash is None:
            constant = self.constant
            self._hash = hash(frozenset(self._terms.items()) if constant is None else constant)
        return self._hash

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (tuple(self._terms.items()),)

    def __str__(self) -> str:
        """For people: `4·d`, `2·T² − 1`, `1 + (H/p)·(W/p)`."""
        return printing.write(self, printing.TEXT)

    def __repr__(self) -> str:
        return f"Dim({self.ascii()})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def ascii(self) -> str:
        """As the spec language writes it, where `/` is exact: `4*d`, `d**2`, `1 + (H/p)*(W/p)`."""
        return printing.write(self, printing.ASCII)

    def python(self, names: Mapping[str, str] | None = None) -> str:
        """As Python over integers, with symbols renamed: `1 + (H // p) * (W // p)`."""
        return printing.write(self, printing.python(names or {}))

    def latex(self) -> str:
        r"""For a paper, in math mode: `1 + \frac{H}{p} \cdot \frac{W}{p}`."""
        return printing.write(self, printing.LATEX)


def sym(name: str) -> Dim:
    """The size that is called `name`."""
    return _symbol(name)


def product(sizes: Iterable[Dim | int]) -> Dim:
    """The product of the sizes; 1 for none."""
    total: Dim | None = None
    for size in sizes:
        total = Dim.of(size) if total is None else total * size
    return UNIT if total is None else total


@lru_cache(maxsize=_CACHE)
def _constant(value: int) -> Dim:
    # The value may be a subclass of int that carries its place in a file: keep the number only.
    return Dim(ring.checked({ONE: int(value)} if value else {}))


@lru_cache(maxsize=_CACHE)
def _symbol(name: str) -> Dim:
    return Dim({((Symbol(str(name)), 1),): 1})


def _rebuilt(items: tuple[tuple[Monomial, int], ...]) -> Dim:
    return Dim(dict(items))


@lru_cache(maxsize=_CACHE)
def _add(left: Dim, right: Dim | int) -> Dim:
    return division.regroup(Dim(ring.add(left.terms, Dim.of(right).terms)))


@lru_cache(maxsize=_CACHE)
def _subtract(left: Dim, right: Dim | int) -> Dim:
    return division.regroup(Dim(ring.add(left.terms, Dim.of(right).terms, -1)))


@lru_cache(maxsize=_CACHE)
def _multiply(left: Dim, right: Dim | int) -> Dim:
    right = Dim.of(right)
    if left.plain and right.plain:
        return Dim(ring.multiply(left.terms, right.terms))
    return division.multiply(left, right)


@lru_cache(maxsize=_CACHE)
def _power(base: Dim, exponent: int) -> Dim:
    if exponent < 0:
        raise ValueError("a size has no negative power")
    if base.constant in (0, 1, -1):
        exponent = min(exponent, 2 - exponent % 2)
    if exponent > max(MAX_DEGREE, MAX_BITS):
        raise TooComplex("the exponent is too large")
    power = UNIT
    for _ in range(exponent):
        power = power * base
    return power


# Here, because the rules of division are written in terms of Dim.
from tfspec.symbolic import division, minmax  # noqa: E402

_exact_div = lru_cache(maxsize=_CACHE)(division.exact)
_floor_div = lru_cache(maxsize=_CACHE)(division.floor)
_mod = lru_cache(maxsize=_CACHE)(division.mod)
_minimum = lru_cache(maxsize=_CACHE)(minmax.minimum)
_maximum = lru_cache(maxsize=_CACHE)(minmax.maximum)

ZERO = Dim.of(0)
UNIT = Dim.of(1)
