"""What a size is made of: symbols, exact quotients, floors, remainders, and extremes.

Each atom stands for an integer. Atoms are interned: equal atoms are one object, so that a product
of atoms is hashed and compared at the speed of C.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakValueDictionary

from tfspec.symbolic.errors import MAX_DEPTH, MAX_SIZE, Indivisible, TooComplex, UnboundSymbol

if TYPE_CHECKING:
    from tfspec.symbolic.dim import Dim

_KNOWN: WeakValueDictionary[tuple[object, ...], Atom] = WeakValueDictionary()


class Atom:
    """An integer that the normal form does not look into; `parts` are the sizes inside it."""

    __slots__ = ("__weakref__", "depth", "parts", "rank", "size", "symbols")
    kind: ClassVar[int]
    parts: tuple[Dim, ...]
    symbols: frozenset[str]
    size: int
    depth: int
    rank: tuple[int, str]

    def __new__(cls, *parts: Dim) -> Atom:
        found = _KNOWN.get((cls, *parts))
        return found if found is not None else cls._make(parts)

    @classmethod
    def _make(cls, parts: tuple[Dim, ...]) -> Atom:
        made = object.__new__(cls)
        made.parts = parts
        made.symbols = frozenset[str]().union(*(part.symbols for part in parts))
        made.size = 1 + sum(part.size for part in parts)
        made.depth = 1 + max(part.depth for part in parts)
        if made.size > MAX_SIZE or made.depth > MAX_DEPTH:
            raise TooComplex("the size nests too many divisions, minima and maxima")
        made.rank = (cls.kind, " ".join(part.ascii() for part in parts))
        _KNOWN[(cls, *parts)] = made
        return made

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.parts

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.parts))})"

    def value(self, bindings: Mapping[str, int]) -> int:
        """The integer that this atom is when its symbols have these values."""
        raise NotImplementedError

    def subs(self, bindings: Mapping[str, Dim | int]) -> Dim:
        """This atom with its symbols replaced, in normal form."""
        raise NotImplementedError


class Symbol(Atom):
    """A named size."""

    __slots__ = ("name",)
    kind = 0
    name: str

    def __new__(cls, name: str) -> Symbol:
        found = _KNOWN.get((cls, name))
        if isinstance(found, Symbol):
            return found
        made = object.__new__(cls)
        made.name = name
        made.parts = ()
        made.symbols = frozenset((name,))
        made.size = 1
        made.depth = 0
        made.rank = (cls.kind, name)
        _KNOWN[(cls, name)] = made
        return made

    def __reduce__(self) -> tuple[object, ...]:
        return Symbol, (self.name,)

    def __repr__(self) -> str:
        return f"Symbol({self.name})"

    def value(self, bindings: Mapping[str, int]) -> int:
        try:
            return bindings[self.name]
        except KeyError:
            raise UnboundSymbol(self.name) from None

    def subs(self, bindings: Mapping[str, Dim | int]) -> Dim:
        return dims.Dim.of(bindings[self.name]) if self.name in bindings else dims.sym(self.name)


class Division(Atom):
    """An atom with a numerator and a denominator."""

    __slots__ = ()

    @property
    def num(self) -> Dim:
        return self.parts[0]

    @property
    def den(self) -> Dim:
        return self.parts[1]

    def _values(self, bindings: Mapping[str, int]) -> tuple[int, int]:
        num, den = self.num.value(bindings), self.den.value(bindings)
        if den == 0:
            raise Indivisible(self.num, self.den, (num, den))
        return num, den


class Quotient(Division):
    """`num / den`, of which it is asserted that it leaves no remainder."""

    __slots__ = ()
    kind = 1

    def value(self, bindings: Mapping[str, int]) -> int:
        num, den = self._values(bindings)
        whole, rest = divmod(num, den)
        if rest:
            raise Indivisible(self.num, self.den, (num, den))
        return whole

    def subs(self, bindings: Mapping[str, Dim | int]) -> Dim:
        return self.num.subs(bindings).exact_div(self.den.subs(bindings))


class Floor(Division):
    """`num // den`, rounded down."""

    __slots__ = ()
    kind = 2

    def value(self, bindings: Mapping[str, int]) -> int:
        num, den = self._values(bindings)
        return num // den

    def subs(self, bindings: Mapping[str, Dim | int]) -> Dim:
        return self.num.subs(bindings).floor_div(self.den.subs(bindings))


class Mod(Division):
    """`num % den`, with the sign of `den`."""

    __slots__ = ()
    kind = 3

    def value(self, bindings: Mapping[str, int]) -> int:
        num, den = self._values(bindings)
        return num % den

    def subs(self, bindings: Mapping[str, Dim | int]) -> Dim:
        return self.num.subs(bindings).mod(self.den.subs(bindings))


class Min(Atom):
    """The least of two or more sizes."""

    __slots__ = ()
    kind = 4

    def value(self, bindings: Mapping[str, int]) -> int:
        return min(part.value(bindings) for part in self.parts)

    def subs(self, bindings: Mapping[str, Dim | int]) -> Dim:
        return dims.Dim.minimum(*(part.subs(bindings) for part in self.parts))


class Max(Atom):
    """The greatest of two or more sizes."""

    __slots__ = ()
    kind = 5

    def value(self, bindings: Mapping[str, int]) -> int:
        return max(part.value(bindings) for part in self.parts)

    def subs(self, bindings: Mapping[str, Dim | int]) -> Dim:
        return dims.Dim.maximum(*(part.subs(bindings) for part in self.parts))


def inside(atom: Atom) -> Iterator[Atom]:
    """The atom and every atom inside it, inner ones first."""
    for part in atom.parts:
        for inner in part.atoms:
            yield from inside(inner)
    yield atom


# At the end, because the two modules need each other: a Dim is made of atoms, and atoms of Dims.
from tfspec.symbolic import dim as dims  # noqa: E402
