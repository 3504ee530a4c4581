"""Sizes that are known when the model runs: how a method reads them off its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING

from tfspec.symbolic import Dim, sym
from tfspec.symbolic.atoms import Quotient, Symbol, inside
from tfspec.symbolic.errors import Indivisible, TooComplex
from tfspec.symbolic.facts import Facts

if TYPE_CHECKING:
    from tfspec.program.value import Value

_POINTS = 20  # more than any degree: a polynomial that is linear on so many is linear


@dataclass(frozen=True)
class Solved:
    """A dim, of which a size is linear: dim = (size - offset) · times / by."""

    offset: int = 0
    times: int = 1
    by: int = 1

    def text(self, read: str) -> str:
        """The dim as Python, where the size is `read`; the division is exact."""
        if self.offset:
            read += f" - {self.offset}" if self.offset > 0 else f" + {-self.offset}"
        grouped = f"({read})" if self.offset else read
        if self.times > 1:
            read = grouped = f"{self.times} * {grouped}"
        return f"{grouped} // {self.by}" if self.by > 1 else read


ITSELF = Solved()


@dataclass(frozen=True)
class Reading:
    """A size read off one axis of a parameter."""

    param: Value
    axis: int
    solved: Solved = ITSELF

    def text(self, name: str) -> str:
        """As Python, where the parameter is called `name`."""
        return self.solved.text(f"{name}.shape[{self.axis}]")


def axis_of(params: Iterable[Value], size: Dim) -> Reading | None:
    """The first axis of exactly this size."""
    return next((Reading(p, at) for p, at, found in _axes(params) if found == size), None)


def reading(params: Iterable[Value], symbol: str, facts: Facts) -> Reading | None:
    """How to find one dim: an axis of its size, or one that is linear in it alone."""
    params = list(params)
    exact = axis_of(params, sym(symbol))
    if exact is not None:
        return exact
    every = ((p, at, solved(size, symbol, facts)) for p, at, size in _axes(params))
    return next((Reading(p, at, found) for p, at, found in every if found is not None), None)


def loose(size: Dim, facts: Facts) -> list[str]:
    """The symbols of a size that have no one value, in order."""
    return [name for name in sorted(size.symbols) if facts.value(sym(name)) is None]


def readable(params: Iterable[Value], size: Dim, facts: Facts) -> bool:
    """Whether a method with these parameters can compute the size."""
    params = list(params)
    names = loose(size, facts)
    return axis_of(params, size) is not None or all(
        name in facts.domains and reading(params, name, facts) for name in names
    )


def _axes(params: Iterable[Value]) -> Iterator[tuple[Value, int, Dim]]:
    for param in params:
        if not param.absent and not param.optional and param.dtype != "state":
            for at, size in enumerate(param.shape):
                yield param, at, size


def solved(size: Dim, symbol: str, facts: Facts) -> Solved | None:
    """The symbol from a size that is linear in it: slope and offset are found by values."""
    if loose(size, facts) != [symbol] or symbol not in facts.domains:
        return None
    if not all(isinstance(atom, Symbol | Quotient) for top in size.atoms for atom in inside(top)):
        return None
    domain = facts.domains[symbol]
    fixed = {name: value for name in size.symbols if (value := facts.value(sym(name)))}
    try:
        values = [
            size.value({**fixed, symbol: domain.low + n * domain.step}) for n in range(_POINTS)
        ]
    except (Indivisible, TooComplex):
        return None
    steps = {b - a for a, b in pairwise(values)}
    if len(steps) != 1 or (slope := steps.pop()) <= 0:
        return None
    # symbol = low + step · (axis - first) / slope
    shared = gcd(domain.step, slope)
    times, by = domain.step // shared, slope // shared
    offset, rest = divmod(times * values[0] - by * domain.low, times)
    return None if rest else Solved(offset, times, by)
