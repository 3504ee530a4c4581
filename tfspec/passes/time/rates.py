"""How fast a target is at a kernel: its peaks, and how much of them is reached.

A kernel takes the longest of three: its FLOPs at the rate of its kind, its bytes at the bandwidth
of memory (the roofline of Williams et al. 2009), and the time from one launch to the next. Calls
are asynchronous (PyTorch, CUDA semantics), so that a launch hides behind the kernel before it, and
the device waits only where that is shorter. Kernels run one after another.

Rates by kind: products and attention run at the rate of their dtype; those in fp32 without TF32,
which torch leaves off for products (`torch.set_float32_matmul_precision`), and on for convolutions
(`torch.backends.cudnn.allow_tf32`). Sums of half precision are in fp32.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from tfspec.diagnostics import Diagnostic, Rule
from tfspec.diagnostics.escape import quoted
from tfspec.passes.time.efficiency import Efficiency, Share
from tfspec.passes.time.jobs import Job
from tfspec.program.kernels import Kind
from tfspec.program.program import Precision
from tfspec.program.refusal import NotYet
from tfspec.targets import Target

Limit = Literal["compute", "memory", "launch"]
NO_RATES = Rule(
    "TS480",
    "a target without rates",
    "A time is asked for on a target whose sheet has no rate, bandwidth or memory for it.",
    "A time from a guessed rate would be quoted as this machine's.",
    "tfspec cost gpt2 --target cpu",
    "Write a sheet of your own machine: `tfspec list --targets` shows the form.",
)
SLOWEST = Share(0.4, 0.4, 1.0)
"""Without measurements: a model may reach 40 % of a peak, or all of it. An assumption: PaLM
reached 46 % in model FLOPs, 58 % in those executed (Chowdhery et al. 2022, section 4.1)."""
LAUNCH = Share(0.0, 0.0, 5e-6)
"""Without measurements: a launch takes no time, or 5 µs. An assumption."""


@dataclass(frozen=True)
class Seconds:
    """Seconds: what is said, and between which two; by what they are bound, in order of `Limit`."""

    typical: float = 0.0
    low: float = 0.0
    high: float = 0.0
    by: dict[Limit, float] = field(default_factory=dict[Limit, float])

    def __add__(self, other: Seconds) -> Seconds:
        by = dict(self.by)
        for name, seconds in other.by.items():
            by[name] = by.get(name, 0.0) + seconds
        low, high = self.low + other.low, self.high + other.high
        return Seconds(self.typical + other.typical, low, high, by)

    def __mul__(self, share: float) -> Seconds:
        by = dict(self.by)
        for name in by:
            by[name] *= share
        return Seconds(self.typical * share, self.low * share, self.high * share, by)

    @property
    def bound(self) -> Limit | None:
        """What the most of it is bound by."""
        return max(self.by, key=lambda name: self.by[name]) if self.by else None


@dataclass(frozen=True)
class Rates:
    """A target's rates for a model of one dtype; without an efficiency table its peaks."""

    target: Target
    dtype: Precision
    efficiency: Efficiency | None
    compiled: bool

    def flops(self, kind: Kind) -> float:
        """Peak FLOP/s of a kind of kernel. Raises NotYet where the sheet has none."""
        rates = self.target.tflops
        name = self.dtype
        if kind == "convolution" and self.dtype == "fp32" and "tf32" in rates:
            name = "tf32"
        if name not in rates:
            what = (
                f"has no rate for {name}"
                if rates
                else "has no rates: no two machines of the kind are alike"
            )
            raise _missing(self.target, what, list(rates))
        return rates[name] * 1e12

    @property
    def bandwidth(self) -> float:
        """Bytes a second."""
        found = self.target.bandwidth_gb_per_s
        if found is None:
            raise _missing(self.target, "has no bandwidth", list(self.target.tflops))
        return found * 1e9

    def check(self, jobs: Iterable[Job]) -> None:
        """Raises NotYet where the sheet or the efficiencies lack what these ask for."""
        _ = self.flops("product"), self.bandwidth, self.memory
        for job in jobs:
            self.flops(job.kind)
            if self.efficiency is not None:
                self._shares(job.kind, float(bool(job.flops.terms)), 1.0)

    @property
    def memory(self) -> int:
        """Bytes of memory."""
        found = self.target.memory_gb
        if found is None:
            raise _missing(self.target, "has no memory", list(self.target.tflops))
        return int(found * 1e9)

    @property
    def ridge(self) -> float:
        """FLOPs a byte from which on a product is bound by its FLOPs."""
        return self.flops("product") / self.bandwidth

    def seconds(self, kind: Kind, flops: int, moved: int, launches: int) -> Seconds:
        """So many kernels of one kind that do so much together."""
        each = max(1, launches)
        compute, memory, gap = self._shares(kind, flops / each, moved / each)
        times = flops / self.flops(kind) if flops else 0.0, moved / self.bandwidth
        typical = (times[0] / compute.typical, times[1] / memory.typical, gap.typical * launches)
        low = max(times[0] / compute.high, times[1] / memory.high, gap.low * launches)
        high = max(times[0] / compute.low, times[1] / memory.low, gap.high * launches)
        most = max(typical)
        names: tuple[Limit, ...] = ("compute", "memory", "launch")
        return Seconds(most, low, high, {names[typical.index(most)]: most} if most else {})

    def _shares(self, kind: Kind, flops: float, moved: float) -> tuple[Share, Share, Share]:
        """Of the peak, of the bandwidth, and seconds from launch to launch."""
        if self.efficiency is None:
            return _ASSUMED, _ASSUMED, LAUNCH
        found = self.efficiency
        compute = found.share(kind, self.dtype, "compute", flops) if flops else _ASSUMED
        return compute, found.share(kind, self.dtype, "memory", moved), found.launch(self.compiled)


_ASSUMED = Share(1.0, SLOWEST.low, 1.0)


def _missing(target: Target, what: str, known: list[str]) -> NotYet:
    has = (f"its rates: {', '.join(known)}",) if known else ()
    help = (*has, "write a sheet of your own: `tfspec list --targets` shows the form")
    return NotYet(Diagnostic(NO_RATES, f"the target {quoted(target.name)} {what}", None, help=help))
