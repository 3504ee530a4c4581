"""Times in words: what matters first, and what the numbers are worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfspec.diagnostics.escape import escape
from tfspec.passes.cost import fit
from tfspec.passes.time.rates import LAUNCH, SLOWEST, Span

if TYPE_CHECKING:
    from tfspec.passes.cost.cost import Cost
    from tfspec.passes.time.timing import Timing

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
LONGER = ((86400.0, "days"), (3600.0, "h"))


def seconds(time: float) -> str:
    """12.3 ms, 4.56 s, 7.8 h: three digits and a unit."""
    for size, unit in LONGER:
        if time >= 2 * size:
            return f"{_three(time / size)} {unit}"
    size, unit = next(((size, unit) for size, unit in UNITS if time >= size), UNITS[-1])
    return f"{_three(time / size)} {unit}"


def _three(number: float) -> str:
    digits = 2 if number < 10 else 1 if number < 100 else 0
    return f"{number:,.{digits}f}"


def interval(time: Span, kind: str) -> str:
    """4.0 ms (3.1 to 5.2 ms, calibrated)"""
    return f"{seconds(time.typical)}, {seconds(time.low)} to {seconds(time.high)} ({kind})"


def facts(cost: Cost) -> Iterator[str]:
    """Whether it fits, what bounds it, what takes the most."""
    held = [each.name for each in cost.memory]
    what = " and ".join(filter(None, (", ".join(held[:-1]), held[-1])))
    total = fit.total_bytes(cost)
    if cost.timing is None:
        yield f"holds {_bytes(total)}: {what}"
    else:
        yield _fits(cost, cost.timing, total, what)
        yield from _bound(cost, cost.timing)
    yield from _most(cost)


def _fits(cost: Cost, timing: Timing, total: int, what: str) -> str:
    memory = timing.rates.memory
    where = f"on {escape(timing.how.target.about)}"
    share = f"({total / memory:.0%})"
    if fit.fits(cost):
        return f"fits: {what} take {_bytes(total)} of {_bytes(memory)} {where} {share}"
    return f"does not fit: {what} take {_bytes(total)} of {_bytes(memory)} {where} {share}"


def _bound(cost: Cost, timing: Timing) -> Iterator[str]:
    time, moved = cost.time, cost.number(timing.traffic)
    if time is None or time.bound is None or not moved:
        return
    dense = cost.number(timing.executed) / moved
    ridge = f"the ridge is at {timing.rates.ridge:,.0f}"
    share = time.by[time.bound] / time.typical
    yield f"bound by {time.bound}, {share:.0%} of the time: {dense:,.1f} FLOPs a byte, {ridge}"


def _most(cost: Cost) -> Iterator[str]:
    """The kind of work that takes the most time, or FLOPs where no target is named."""
    rows = cost.grouped("kind")
    times = cost.times
    if times is not None and cost.time is not None and cost.time.typical:
        sizes = {row.label: times.of(row.nodes).typical for row in rows}
        sizes["the optimizer"] = times.rest.typical
        total, what = cost.time.typical, "time"
    else:
        sizes = {row.label: float(cost.number(cost.of_mode(row.work))) for row in rows}
        total, what = float(cost.number(cost.flops)), "FLOPs"
    if total and sizes:
        name = max(sizes, key=lambda each: sizes[each])
        yield f"{escape(name)} takes {sizes[name] / total:.0%} of the {what}"


def _bytes(size: int) -> str:
    from tfspec.passes.cost.text import scaled

    return scaled(size, "B")


def notes(cost: Cost) -> Iterator[str]:
    """What the times mean."""
    if cost.timing is None:
        return
    how, rates = cost.timing.how, cost.timing.rates
    form = "compiled as a whole" if how.compiled else "run line by line"
    yield f"Times are of the emitted file {form}: each kernel the longest of FLOPs, bytes, launch."
    if how.efficiency is None:
        yield (
            f"Roofline: peaks of the data sheet, not measured. Its upper end assumes "
            f"{SLOWEST.low:.0%} of them, and {LAUNCH.high * 1e6:g} µs from launch to launch."
        )
    else:
        yield f"Calibrated by {escape(how.efficiency.file)}, on {escape(how.efficiency.device)}."
    if rates.dtype == "fp32":
        yield "Products in fp32 run without TF32, convolutions with it: torch's defaults."
    if cost.mode == "train":
        yield "A step has no loss here; its optimizer runs in one kernel."
    yield f"What fits leaves {fit.RESERVE / 1e9:g} GB to the driver and the allocator: an assumption."
