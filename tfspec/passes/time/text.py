"""Times in words: what matters first, and what the numbers are worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfspec.diagnostics.escape import escape
from tfspec.passes.cost import fit
from tfspec.passes.memory.peak import Peak
from tfspec.passes.time.rates import LAUNCH, SLOWEST, Seconds

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost
    from tfspec.passes.time.runs import Training
    from tfspec.passes.time.timing import Timing

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
LONGER = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))


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


def interval(time: Seconds, kind: str) -> str:
    """4.0 ms (3.1 to 5.2 ms, calibrated)"""
    return f"{seconds(time.typical)}, {seconds(time.low)} to {seconds(time.high)} ({kind})"


def facts(cost: Cost) -> Iterator[str]:
    """Whether it fits, what bounds it, what takes the most."""
    total = fit.total_bytes(cost)
    if cost.timing is None:
        full = isinstance(cost.peak, Peak)
        yield f"holds {_bytes(total)}{', ' if full else ': '}{_fullest(cost)}"
    else:
        yield _fits(cost, cost.timing, total)
        yield from _bound(cost, cost.timing)
    yield from _most(cost)


def _fullest(cost: Cost) -> str:
    """When it holds most, or what it holds."""
    if isinstance(cost.peak, Peak):
        return f"fullest {cost.peak.total_where}"
    held = [each.name for each in fit.held(cost)]
    why = f": {cost.stays}" if isinstance(cost.stays, str) else ""
    unknown = f"; activations are not known{why}" if fit.lacks(cost) else ""
    return " and ".join(filter(None, (", ".join(held[:-1]), held[-1]))) + unknown


def _fits(cost: Cost, timing: Timing, total: int) -> str:
    free, whole = max(0, fit.memory_bytes(cost)), timing.rates.memory
    where = f"on {escape(timing.how.target.about)}"
    share = f"{total / free:.0%}; " if free else ""
    kept = f"{fit.RESERVE / 1e9:g} of {whole / 1e9:g} GB are reserved"
    head = "at least" if fit.lacks(cost) else "fits"
    head = head if fit.fits(cost) else "does not fit"
    return f"{head}: {_bytes(total)} of {free / 1e9:g} GB {where} ({share}{kept}), {_fullest(cost)}"


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


def plans(cost: Cost) -> Iterator[str]:
    """The largest sizes that fit, and a whole run, where they are asked."""
    names = [each.dim for each in cost.largest]
    for each in cost.largest:
        others = ", ".join(f"{name} = {cost.values[name]:,}" for name in names if name != each.dim)
        at = escape(f" at {others}" if others else "")
        if each.size is None:
            yield f"no {each.dim} fits{at}: the least takes {_bytes(each.bytes)}"
            continue
        end = ", the largest that the spec allows" if each.ends else ""
        took = f"takes {_bytes(each.bytes)}{end}"
        yield f"the largest {escape(each.dim)} that fits{at} is {each.size:,}: it {took}"
    if cost.training is not None:
        yield from _run(cost, cost.training)


def _counted(count: int, unit: str) -> str:
    return f"{count:,} {unit.removesuffix('s') if count == 1 else unit}"


def _run(cost: Cost, run: Training) -> Iterator[str]:
    amount, gpus = run.amount, f"{run.amount.gpus:,} GPU{'s' if run.amount.gpus > 1 else ''}"
    energy = "" if run.kwh is None else f", {run.kwh:,.1f} kWh"
    steps = f"{run.steps:,} steps of {seconds(run.step_seconds)}"
    took = f"{seconds(run.wall_seconds)}, {run.gpu_hours:,.1f} GPU-hours{energy}"
    yield f"{_counted(amount.count, amount.unit)} on {gpus}: {steps}, {took}"
    here = ", ".join(f"{name} = {size:,}" for name, size in cost.chosen.items())
    unset = escape(f", for nobody set {here}") if here else ""
    yield f"a step is of {_counted(run.each_step, amount.unit)} on each GPU{unset}"
    if run.assumed:
        yield f"at {run.mfu:.0%} MFU, which is an assumption: no efficiency was measured"
    else:
        yield f"at {run.mfu:.1%} MFU"
    if not fit.fits(cost):
        yield "a step does not fit one GPU: what it takes to split it is not counted"


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
    if any(job.unfused for job in cost.timing.jobs):
        yield (
            f"torch has no fused kernel there for this attention in {rates.dtype}: its scores go "
            "through memory, and training keeps them."
        )
    if rates.dtype == "fp32":
        yield "Products in fp32 run without TF32, convolutions with it: torch's defaults."
    if cost.mode == "train":
        yield "Times and traffic leave the loss out; the optimizer runs in one kernel."
    if cost.training is not None:
        yield "Each GPU of a run does this step on its own samples; their exchange is not counted."
    reserve = f"{fit.RESERVE / 1e9:g} GB"
    yield f"The reserve of {reserve} is for the driver and the allocator: an assumption."
