"""Scales of charts: where a number stands, and which numbers are marked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tfspec.passes.cost.text import SCALES


@dataclass(frozen=True)
class Frame:
    """Where the axes of a chart are, in the units of its picture."""

    left: int
    right: int
    top: int
    bottom: int = 0


LINES = Frame(62, 408, 16, 236)
"""Of charts with lines and points."""
BARS = Frame(92, 420, 22)
"""Of charts with bars, which are as tall as they have bars."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Log:
    """Powers: from `low` at the place `start` to `high` at `end`. All numbers are above 0."""

    low: float
    high: float
    start: float
    end: float

    def at(self, number: float) -> float:
        share = (math.log(number) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return round(self.start + share * (self.end - self.start), 1)

    def powers(self, base: int, most: int = 8) -> list[float]:
        """Powers of a base inside, every one or every few, so that there are not too many."""
        first = math.ceil(math.log(self.low, base) - 1e-9)
        last = math.floor(math.log(self.high, base) + 1e-9)
        every = max(1, -(-(last - first + 1) // most))
        return [float(base) ** n for n in range(first, last + 1) if (n - first) % every == 0]

    def doubled(self) -> list[Tick]:
        """Powers of 2, in full: lengths."""
        return [Tick(self.at(each), f"{each:,.0f}") for each in self.powers(2, most=7)]

    def decades(self) -> list[Tick]:
        """Powers of 10 in few characters; where these are less than three, 2 and 5 times them."""
        found = self.powers(10)
        if len(found) < 3:
            lower = 10.0 ** math.floor(math.log10(self.low))
            many = [lower * 10**n * each for n in range(4) for each in (1, 2, 5)]
            found = [each for each in many if self.low <= each <= self.high]
        return [Tick(self.at(each), short(each)) for each in found]


@dataclass(frozen=True)
class Linear:
    """Even: from 0 at the place `start` to `high` at `end`."""

    high: float
    start: float
    end: float

    def at(self, number: float) -> float:
        return round(self.start + number / self.high * (self.end - self.start), 1)

    def ticks(self, unit: str, most: int = 5) -> list[Tick]:
        """0 and round numbers."""
        step = 10.0 ** math.floor(math.log10(self.high))
        step = next(
            each for each in (step / 10, step / 5, step / 2, step, 2 * step, 5 * step)
            if self.high / each <= most
        )  # fmt: skip
        marks = range(int(self.high / step) + 1)
        return [Tick(self.at(n * step), short(n * step, unit) if n else "0") for n in marks]


def short(number: float, unit: str = "") -> str:
    """100 T, 10 GB, 0.25: a number of an axis in few characters."""
    if not unit and 1 <= number < 10_000:
        return f"{number:,.0f}"
    for size, letter in SCALES:
        if number >= size:
            return f"{number / size:,.4g} {letter}{unit}"
    return f"{number:.3g} {unit}".rstrip()
