"""Many sizes at many values of a few symbols: what does not change is worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

from tfspec.symbolic.dim import Dim
from tfspec.symbolic.terms import Monomial


class Along:
    """Sizes where only the symbols `free` change: each a sum of numbers times powers of atoms.

    Every result is what `Dim.value` gives, and it raises as that does.
    """

    def __init__(
        self, sizes: Sequence[Dim], values: Mapping[str, int], free: Iterable[str]
    ) -> None:
        self._values, self._free = values, frozenset(free)
        self._powers: dict[Monomial, int] = {}
        distinct = dict.fromkeys(sizes)
        self._sums = [self._sum(size) for size in distinct]
        self._atoms = dict.fromkeys(atom for mono in self._powers for atom, _ in mono)
        place = {size: at for at, size in enumerate(distinct)}
        self._order = [place[size] for size in sizes]

    def at(self, values: Mapping[str, int]) -> list[int]:
        """The integers at these values of the free symbols; all others are as they were given."""
        atoms = {atom: atom.value(values) for atom in self._atoms}
        powers = [prod(atoms[atom] ** power for atom, power in mono) for mono in self._powers]
        sums = [sum(number * powers[at] for at, number in terms) for terms in self._sums]
        return [sums[at] for at in self._order]

    def _sum(self, size: Dim) -> list[tuple[int, int]]:
        """Places among the powers that change, and what each is multiplied by."""
        found: dict[int, int] = {}
        for mono, number in size.terms.items():
            moving = tuple(each for each in mono if not self._free.isdisjoint(each[0].symbols))
            fixed = (a.value(self._values) ** n for a, n in mono if (a, n) not in moving)
            at = self._powers.setdefault(moving, len(self._powers))
            found[at] = found.get(at, 0) + number * prod(fixed)
        return list(found.items())
