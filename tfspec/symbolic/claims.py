"""The statements about sizes that can be proved, and the three answers to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tfspec.symbolic.atoms import Atom, Quotient, inside
from tfspec.symbolic.dim import Dim
from tfspec.symbolic.errors import Indivisible
from tfspec.symbolic.intervals import Box, never_negative
from tfspec.symbolic.rational import vanishes
from tfspec.symbolic.residues import divisor, periods


@dataclass(frozen=True)
class Proved:
    """It holds for every allowed value."""

    reason: str


@dataclass(frozen=True)
class Refuted:
    """It fails for an allowed value: `counterexample` gives the dims that are not fixed.

    `mend` is a declaration under which it would hold, as spec text (`H: multiple(16)`), if one is
    known.
    """

    counterexample: Mapping[str, int]
    mend: str | None = None


@dataclass(frozen=True)
class Unknown:
    """Neither was found."""

    why: str


Answer: TypeAlias = Proved | Refuted | Unknown


@dataclass(frozen=True)
class Claim:
    """A statement about two sizes."""

    left: Dim
    right: Dim

    @property
    def symbols(self) -> frozenset[str]:
        """The names that it speaks of."""
        return self.left.symbols | self.right.symbols

    def map(self, change: Callable[[Dim], Dim]) -> Claim:
        """The same statement about changed sizes."""
        return type(self)(change(self.left), change(self.right))

    def fails(self, bindings: Mapping[str, int]) -> bool | None:
        """Whether it is false at these values; None where a quotient in it is not whole.

        There it says nothing: that the quotient is whole is a claim of its own.
        """
        try:
            return not self.compare(self.left.value(bindings), self.right.value(bindings))
        except Indivisible:
            return None

    def compare(self, left: int, right: int) -> bool:
        """Whether it holds of two integers."""
        raise NotImplementedError

    def by_algebra(self) -> bool:
        """Whether the normal form shows it, whatever the values are."""
        raise NotImplementedError

    def by_bounds(self, box: Box) -> bool:
        """Whether intervals and residues show it for all positive values in the box."""
        raise NotImplementedError

    def periods(self) -> Mapping[str, int] | None:
        """The steps of its symbols after which its truth repeats, if it does."""
        return None


@dataclass(frozen=True)
class Equal(Claim):
    """left = right"""

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"

    def compare(self, left: int, right: int) -> bool:
        return left == right

    def by_algebra(self) -> bool:
        return self.left == self.right or vanishes(self.left - self.right)

    def by_bounds(self, box: Box) -> bool:
        difference = self.left - self.right
        return never_negative(difference, box) and never_negative(-difference, box)


@dataclass(frozen=True)
class Divides(Claim):
    """left divides right"""

    def __str__(self) -> str:
        return f"{self.left} divides {self.right}"

    def compare(self, left: int, right: int) -> bool:
        return right % left == 0 if left else right == 0

    def by_algebra(self) -> bool:
        if self.left.constant == 0:
            return self.right == 0
        if self.right.constant is not None and self.left.constant is not None:
            return self.compare(self.left.constant, self.right.constant)
        # A quotient that was there before is whole by its own assertion.
        return _quotients(self.right.exact_div(self.left)) <= (
            _quotients(self.left) | _quotients(self.right)
        )

    def by_bounds(self, box: Box) -> bool:
        number = self.left.constant
        return number is not None and number != 0 and divisor(self.right) % number == 0

    def periods(self) -> Mapping[str, int] | None:
        number = self.left.constant
        return periods(self.right, abs(number)) if number else None


@dataclass(frozen=True)
class AtLeast(Claim):
    """left >= right"""

    def __str__(self) -> str:
        return f"{self.left} ≥ {self.right}"

    def compare(self, left: int, right: int) -> bool:
        return left >= right

    def by_algebra(self) -> bool:
        difference = (self.left - self.right).constant
        return difference is not None and difference >= 0

    def by_bounds(self, box: Box) -> bool:
        return never_negative(self.left - self.right, box)


def _quotients(size: Dim) -> frozenset[Atom]:
    return frozenset(
        atom for top in size.atoms for atom in inside(top) if isinstance(atom, Quotient)
    )
