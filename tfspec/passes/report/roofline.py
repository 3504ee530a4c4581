"""A roofline: what each kind of work reaches of a target's peaks (Williams et al. 2009)."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.diagnostics.escape import escape, shorten
from tfspec.graph.look import Kind
from tfspec.passes.cost.report import Cost, Row
from tfspec.passes.draw.font import text_width
from tfspec.passes.report.amounts import Amounts
from tfspec.passes.report.scales import LINES, Log, Tick, short
from tfspec.passes.time.text import seconds
from tfspec.passes.time.timing import Timing

SIZE = 12.5
Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class Point:
    """One kind of work. `radius` grows with its share of the time; `text` says all of it."""

    name: str
    kind: Kind
    x: float
    y: float
    radius: float
    text: str


@dataclass(frozen=True)
class Label:
    """The name of a point, where there is room for it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Roofline:
    """`about` says what the roof is made of, and what is not on the chart."""

    x: list[Tick]
    y: list[Tick]
    roof: str
    ridge: Tick
    points: list[Point]
    labels: list[Label]
    about: str


@dataclass(frozen=True)
class _Kind:
    """A kind of work on the target: FLOPs executed, bytes moved, seconds."""

    row: Row
    flops: float
    moved: float
    seconds: float

    @property
    def dense(self) -> float:
        """FLOPs a byte."""
        return self.flops / self.moved

    @property
    def rate(self) -> float:
        """FLOP/s."""
        return self.flops / self.seconds


def roofline(amounts: Amounts, timing: Timing) -> Roofline | None:
    """None where nothing computes on the target."""
    every = _every(amounts.cost, timing)
    found = [each for each in every if each.flops and each.moved]
    if not found:
        return None
    rates = timing.rates
    peak, bandwidth, ridge = rates.flops("product"), rates.bandwidth, rates.ridge
    dense, speeds = [each.dense for each in found], [each.rate for each in found]
    x = Log(
        min(0.5 * min(dense), ridge / 8), max(2 * max(dense), 8 * ridge), LINES.left, LINES.right
    )
    y = Log(min(0.5 * min(speeds), peak / 30), 3 * max(peak, *speeds), LINES.bottom, LINES.top)
    whole = sum(each.seconds for each in every)
    points = [_point(amounts, each, x, y, each.seconds / whole) for each in found]
    roof = _roof(x, y, peak, bandwidth)
    return Roofline(
        x.decades(), y.decades(), roof, Tick(x.at(ridge), f"ridge at {ridge:,.0f}"),
        points, _labels(points), _about(timing, every, whole),
    )  # fmt: skip


def _every(cost: Cost, timing: Timing) -> list[_Kind]:
    times = timing.by_node(cost.values)
    return [
        _Kind(row, *timing.done(row.nodes, cost.values), times.of(row.nodes).typical)
        for row in cost.grouped("kind")
    ]


def _roof(x: Log, y: Log, peak: float, bandwidth: float) -> str:
    """Up with the bandwidth to the ridge, and from there level."""
    first = max(x.low, y.low / bandwidth)
    ends = ((first, first * bandwidth), (peak / bandwidth, peak), (x.high, peak))
    return "M" + "L".join(f"{x.at(dense):g} {y.at(rate):g}" for dense, rate in ends)


def _about(timing: Timing, every: list[_Kind], whole: float) -> str:
    rates = timing.rates
    roof = f"{short(rates.flops('product'), 'FLOP/s')} and {short(rates.bandwidth, 'B/s')}"
    said = f"The roof is {roof}, of {escape(timing.how.target.about)} in {rates.dtype}."
    rest = [each for each in every if not (each.flops and each.moved)]
    if not rest:
        return said
    names = ", ".join(escape(shorten(each.row.label, 24)) for each in rest)
    share = sum(each.seconds for each in rest) / whole
    return f"{said} Not on it, being without FLOPs: {names}; {share:.0%} of their time."


def _labels(points: list[Point]) -> list[Label]:
    """Names beside their points, those of large ones first, none over another or over a point."""
    taken = [(p.x - p.radius, p.y - p.radius, p.x + p.radius, p.y + p.radius) for p in points]
    found: list[Label] = []
    for point in sorted(points, key=lambda each: -each.radius):
        wide, off = text_width(point.name, SIZE), point.radius + 4
        middle = point.x - wide / 2
        for x, y in (
            (middle, point.y - off), (middle, point.y + off + 9),
            (point.x + off, point.y + 4), (point.x - off - wide, point.y + 4),
            (middle, point.y - off - 18), (middle, point.y + off + 25),
        ):  # fmt: skip
            box = (x, y - 10, x + wide, y + 2)
            inside = (
                x >= LINES.left and box[2] <= LINES.right + 8 and box[1] >= 0 and y <= LINES.bottom
            )
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                found.append(Label(round(x, 1), round(y, 1), point.name))
                break
    return found


def _meet(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _point(amounts: Amounts, each: _Kind, x: Log, y: Log, share: float) -> Point:
    text = (
        f"{each.row.label}: {each.dense:,.1f} FLOPs a byte, {short(each.rate, 'FLOP/s')}, "
        f"{seconds(each.seconds)}, {share:.0%} of the time"
    )
    name = escape(shorten(each.row.label, 24))
    kind = amounts.kinds.get(each.row.nodes[0], "other")
    radius = round(4 + 9 * share**0.5, 1)
    return Point(name, kind, x.at(each.dense), y.at(each.rate), radius, escape(text))
