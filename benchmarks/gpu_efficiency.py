"""How much of a device's peaks single kernels reach, by kind, precision and size; launch gaps.

The table that this makes is what `tfspec cost --efficiency` reads (schema tfspec-efficiency/1):
fractions of the data sheet's FLOP/s (`compute`) and of its bandwidth (`memory`), by the FLOPs or
the bytes of one kernel. Bytes are every operand read once and the result written once.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from gpu_kernels import KINDS, Kernel
from gpu_launches import gaps
from gpu_numerics import How
from gpu_rows import Job, Row
from gpu_steps import afresh

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
REPEATS, CALLS = 5, 10
AHEAD = 20_000_000  # cycles that the device sleeps while the host gets ahead of it
LIMITS: dict[tuple[str, str], tuple[float, ...]] = {
    ("product", "compute"): (1e9, 1e10, 1e11),
    ("product", "memory"): (1e7, 1e8),
    ("attention", "compute"): (1e10,),
    ("pointwise", "memory"): (2e6, 2e7, 2e8),
}
"""Where a bucket of sizes ends; the last has no end."""


@dataclass(frozen=True)
class Peaks:
    """A data sheet's rates: TFLOP/s by precision, and GB/s."""

    target: str
    tflops: Mapping[str, float]
    bandwidth: float

    def flops(self, kind: str, dtype: str) -> float:
        """A second. Convolutions in fp32 use TF32, as torch has it by default."""
        if kind == "convolution" and dtype == "fp32":
            return 1e12 * self.tflops.get("tf32", self.tflops["fp32"])
        return 1e12 * self.tflops[dtype]


def jobs_of(peaks: Peaks, size: str, device: str, how: How) -> list[Job]:
    about = {"name": "efficiency", "size": size, "target": peaks.target, "files": ""}
    found: list[Job] = []
    for dtype in DTYPES:
        for (kind, bound), make in KINDS.items():
            columns = {**about, "kind": kind, "bound": bound, "dtype": dtype}
            kernels = partial(make, size, DTYPES[dtype], device)
            peak = peaks.flops(kind, dtype) if bound == "compute" else 1e9 * peaks.bandwidth
            measure = partial(fractions, kernels, bound, peak, device)
            found.append(
                Job(f"efficiency/{dtype}/{kind}/{bound}", columns, partial(afresh, measure))
            )
    forms = ("eager",) if how.backend is None else ("eager", "compiled")
    for form in forms:
        columns = {**about, "kind": "launch", "bound": form, "dtype": ""}
        measure = partial(launches, form, how, device)
        found.append(Job(f"efficiency/launch/{form}", columns, partial(afresh, measure)))
    return found


def fractions(
    kernels: Callable[[], Iterator[Kernel]], bound: str, peak: float, device: str
) -> list[Row]:
    """A row for each kernel."""
    found: list[Row] = []
    for kernel in kernels():
        amount = kernel.flops if bound == "compute" else kernel.bytes
        seen = [amount / seconds / peak for seconds in times(kernel, device)]
        found.append({"what": kernel.name, "amount": amount, "fractions": seen, "ok": True})
    return found


def times(kernel: Kernel, device: str) -> list[float]:
    """Seconds of one call, back to back: of several rounds, after one that warms up."""
    one = _on_cuda if device.startswith("cuda") else _on_cpu
    return [one(kernel.calls) for _ in range(1 + REPEATS)][1:]


def _on_cuda(calls: Sequence[Callable[[], Any]]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    count = max(CALLS, len(calls))
    torch.cuda.synchronize()
    torch.cuda._sleep(AHEAD)  # so that no kernel waits for its launch
    start.record()
    for turn in range(count):
        calls[turn % len(calls)]()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3 / count


def _on_cpu(calls: Sequence[Callable[[], Any]]) -> float:
    import time

    start = time.perf_counter()
    for call in calls[:2]:
        call()
    return (time.perf_counter() - start) / len(calls[:2])


def launches(form: str, how: How, device: str) -> list[Row]:
    """Microseconds from one kernel's launch to the next, of models that are bound by it."""
    return [{"what": name, "launch_us": seen, "ok": True} for name, seen in gaps(form, how, device)]


# ---- the table


def table(rows: Sequence[Row]) -> Row | None:
    """The efficiency table of one device's rows; None where a job of them is missing."""
    rates = [row for row in rows if "fractions" in row]
    gap = {form: _launch(rows, form) for form in ("eager", "compiled")}
    there = {(row["kind"], row["bound"], row["dtype"]) for row in rates}
    if there != {(*kind, dtype) for kind in KINDS for dtype in DTYPES} or None in gap.values():
        return None
    first = rates[0]
    return {
        "schema": "tfspec-efficiency/1",
        "device": first["device"],
        "target": first["target"],
        "torch": first["torch"],
        "launch_us": gap,
        "rows": [row for key in sorted(there) for row in _buckets(rates, *key)],
    }


def _launch(rows: Sequence[Row], form: str) -> Row | None:
    seen = [us for row in rows if row.get("bound") == form for us in row.get("launch_us", ())]
    return spread(seen) if seen else None


def _buckets(rows: Sequence[Row], kind: str, bound: str, dtype: str) -> Iterator[Row]:
    """The last bucket that has a measurement has no end."""
    key = (kind, bound, dtype)
    chosen = [row for row in rows if (row["kind"], row["bound"], row["dtype"]) == key]
    below, found = 0.0, list[Row]()
    for limit in (*LIMITS.get((kind, bound), ()), float("inf")):
        seen = [f for row in chosen if below < row["amount"] <= limit for f in row["fractions"]]
        below = limit
        if seen:
            about = {"kind": kind, "dtype": dtype, "bound": bound, "up_to": limit}
            found.append(about | spread(seen))
    del found[-1]["up_to"]
    yield from found


def spread(seen: Sequence[float]) -> Row:
    """The median, and the 10th and 90th percentiles."""
    tenths = statistics.quantiles(seen, n=10, method="inclusive")
    return {"typical": statistics.median(seen), "low": tenths[0], "high": tenths[-1]}
