"""What a declared dim may be: one number, a range, a multiple, or any batch size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from random import Random

_SPREAD = 64  # how far random samples of an endless domain reach, in steps


class Values:
    """Integers low, low + step, ..., up to `high`, or without end."""

    @property
    def low(self) -> int:
        """The smallest value."""
        raise NotImplementedError

    @property
    def high(self) -> int | None:
        """The largest value; None when there is none."""
        return None

    @property
    def step(self) -> int:
        """From one value to the next."""
        return 1

    def contains(self, value: int) -> bool:
        """Whether the dim may have this value."""
        if value < self.low or (self.high is not None and value > self.high):
            return False
        return (value - self.low) % self.step == 0

    def samples(self, n: int, rng: Random) -> list[int]:
        """At most n different values, ascending: the edges first, then some at random."""
        last = self.low + _SPREAD * self.step if self.high is None else self.high
        steps = (last - self.low) // self.step
        if steps < n:
            return [self.low + at * self.step for at in range(steps + 1)]
        edges = [0, steps, 1][:n] if self.high is not None else [0, 1][:n]
        chosen = set(edges)
        while len(chosen) < n:
            chosen.add(rng.randint(0, steps))
        return [self.low + at * self.step for at in sorted(chosen)]


@dataclass(frozen=True)
class Fixed(Values):
    """One value: `d: 768`."""

    value: int

    @property
    def low(self) -> int:
        return self.value

    @property
    def high(self) -> int | None:
        return self.value

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class Range(Values):
    """Every integer from `first` to `last`, both included: `T: 1..512`."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"no integer is in {self}")

    @property
    def low(self) -> int:
        return self.first

    @property
    def high(self) -> int | None:
        return self.last

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


@dataclass(frozen=True)
class Multiple(Values):
    """Every positive multiple of `of`: `H: multiple(32)`; up to `most`: `multiple(32) <= 448`."""

    of: int
    most: int | None = None

    def __post_init__(self) -> None:
        if self.of < 1 or (self.most is not None and self.most < self.of):
            raise ValueError(f"no positive integer is a {self}")

    @property
    def low(self) -> int:
        return self.of

    @property
    def high(self) -> int | None:
        return None if self.most is None else self.most // self.of * self.of

    @property
    def step(self) -> int:
        return self.of

    def __str__(self) -> str:
        return f"multiple({self.of})" + (f" <= {self.most}" if self.most is not None else "")


@dataclass(frozen=True)
class Batch(Values):
    """Every integer from 1: `B: batch`."""

    @property
    def low(self) -> int:
        return 1

    def __str__(self) -> str:
        return "batch"


Domain: TypeAlias = Fixed | Range | Multiple | Batch


def settled(domain: Domain) -> Domain:
    """The domain; where it holds one value, that value: `3..3` and `multiple(3) <= 5` are 3."""
    if isinstance(domain, Fixed):
        return domain
    return Fixed(domain.low) if domain.low == domain.high else domain
