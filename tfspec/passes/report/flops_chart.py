"""FLOPs against length: attention against all else, and from where on it is the larger part."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.diagnostics.escape import escape
from tfspec.passes.cost.report import Cost
from tfspec.passes.cost.terms import FARTHEST
from tfspec.passes.report.amounts import Amounts
from tfspec.passes.report.lengths import Length, ascending
from tfspec.passes.report.scales import LINES, Log, Tick
from tfspec.symbolic import Dim

POINTS = 24
NAMES = (("attention", "attention"), ("all else", "mlp"))
"""The lines, and the kinds whose colours they have."""


@dataclass(frozen=True)
class Line:
    """A line of a chart: its points, and the formula that they are of."""

    name: str
    css: str
    path: str
    formula: str


@dataclass(frozen=True)
class FlopsChart:
    """`cross` is the place where attention overtakes the rest, `size` the length there; `end` is
    the place of the spec's largest length."""

    x: list[Tick]
    y: list[Tick]
    lines: list[Line]
    label: str
    end: float
    cross: tuple[float, float] | None
    size: int | None


def parts(amounts: Amounts) -> tuple[Dim, Dim]:
    """FLOPs of the mode: those of attention proper (scores, mix), and all others."""
    cost = amounts.cost
    inside = [
        node for node in amounts.work if node.op.look(*node.inputs).kind == "attention"
    ]  # fmt: skip
    attention = amounts.flops(inside)
    return attention, cost.flops - attention


def crossing(cost: Cost, length: Length, attention: Dim, rest: Dim) -> int | None:
    """The least length like the spec's from which on attention has at least half; None where it
    always or never has."""

    def ahead(steps: int) -> bool:
        there = length.at(cost, length.after(steps))
        return there.number(attention) >= there.number(rest)

    low, high = 0, 1
    if ahead(low):
        return None
    while not ahead(high):
        low, high = high, high * 2
        if length.after(high) > FARTHEST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if ahead(middle) else (middle, high)
    return length.after(high)


def flops_chart(amounts: Amounts, length: Length) -> FlopsChart | None:
    """None where nothing is to be compared."""
    cost, both = amounts.cost, parts(amounts)
    if not all(part.terms for part in both):
        return None
    size = crossing(cost, length, *both)
    sizes = _sizes(length, size or 0)
    at = [length.at(cost, each) for each in sizes]
    series = [[there.number(part) for there in at] for part in both]
    known = [number for each in series for number in each if number > 0]
    x = Log(sizes[0], sizes[-1], LINES.left, LINES.right)
    y = Log(min(known), 2 * max(known), LINES.bottom, LINES.top)
    lines = [
        Line(name, css, _path(x, y, sizes, numbers), escape(str(part)))
        for (name, css), numbers, part in zip(NAMES, series, both, strict=True)
    ]
    there = None if size is None else length.at(cost, size)
    cross = None if size is None or there is None else (x.at(size), y.at(there.number(both[0])))
    return FlopsChart(
        x.doubled(), y.decades(), lines, escape(length.label(cost)),
        x.at(length.high), cross, size,
    )  # fmt: skip


def _sizes(length: Length, size: int) -> list[int]:
    """Lengths to draw at, evenly by their logarithms, as far as the spec and the crossing go."""
    first = max(length.low, min(64, length.high // 4), 1)
    last = max(length.high, 2 * size, 4 * first)
    even = (round(first * (last / first) ** (n / POINTS)) for n in range(POINTS + 1))
    return ascending(map(length.like, even))


def _path(x: Log, y: Log, sizes: list[int], numbers: list[int]) -> str:
    points = (
        f"{x.at(size):g} {y.at(number):g}"
        for size, number in zip(sizes, numbers, strict=True)
        if number > 0
    )
    return "M" + "L".join(points)
