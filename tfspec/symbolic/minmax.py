"""The least and the greatest of several sizes, in normal form."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

from tfspec.symbolic import terms as ring
from tfspec.symbolic.atoms import Max, Min
from tfspec.symbolic.dim import Dim
from tfspec.symbolic.errors import MAX_SIZE, TooComplex
from tfspec.symbolic.terms import ONE


def minimum(*sizes: Dim) -> Dim:
    """The least of one or more sizes."""
    return _extreme(Min, sizes, lambda difference: difference >= 0)


def maximum(*sizes: Dim) -> Dim:
    """The greatest of one or more sizes."""
    return _extreme(Max, sizes, lambda difference: difference <= 0)


def _extreme(
    kind: type[Min] | type[Max], sizes: tuple[Dim, ...], beats: Callable[[int], bool]
) -> Dim:
    if not sizes:
        raise ValueError("the extreme of no sizes")
    kept: list[Dim] = []
    for size in (part for whole in sizes for part in _parts(kind, whole)):
        if not any(_ahead(one, size, beats) for one in kept):
            kept = [one for one in kept if not _ahead(size, one, beats)]
            kept.append(size)
    if len(kept) == 1:
        return kept[0]
    if len(kept) ** 2 > MAX_SIZE:
        raise TooComplex("the size compares too many others")
    return _atom(kind, kept)


def _parts(kind: type[Min] | type[Max], size: Dim) -> tuple[Dim, ...]:
    """min(min(a, b), c) compares a, b and c."""
    only = size.atoms[0] if len(size.terms) == 1 and len(size.atoms) == 1 else None
    if isinstance(only, kind) and size == Dim({((only, 1),): 1}):
        return only.parts
    return (size,)


def _ahead(one: Dim, other: Dim, beats: Callable[[int], bool]) -> bool:
    """Whether `one` makes `other` superfluous: they differ by a number, on the right side."""
    difference = (other - one).constant
    return difference is not None and beats(difference)


def _atom(kind: type[Min] | type[Max], sizes: list[Dim]) -> Dim:
    """min(2·a, 2·b) = 2·min(a, b), the sizes in the order in which they print."""
    shared = gcd(*(ring.content(size.terms) for size in sizes))
    small = [Dim(ring.shrink(size.terms, shared, ONE)) for size in sizes]
    atom = kind(*sorted(small, key=Dim.ascii))
    return Dim({((atom, 1),): shared})
