"""The pass `time`: how long a mode takes on a target, step by step, and what bounds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING, Literal

from tfspec.diagnostics import Diagnostic, Rule
from tfspec.graph.trace import Node
from tfspec.passes.cost.sizes import OPTIMIZERS
from tfspec.passes.cost.work import Work
from tfspec.passes.time.efficiency import Efficiency
from tfspec.passes.time.jobs import Job, Setting, jobs
from tfspec.passes.time.rates import Rates, Seconds
from tfspec.program.kernels import Kind
from tfspec.program.refusal import NotYet
from tfspec.symbolic import Along, Dim
from tfspec.targets import Target

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost

_Done = tuple[Kind, Dim, Dim, Dim]
AUTOCAST = Rule(
    "TS482",
    "a time that cannot be told",
    "A time is asked for of a model with a cache under autocast.",
    "The cache is in fp32, as the weights are: torch refuses to write a new token's keys in bf16 "
    "to it. A prompt runs, and its time is not known yet.",
    "tfspec cost gpt2 --mode decode --dtype mixed --target h200",
    "Ask for `--dtype bf16`, or leave `--target` out.",
)


@dataclass(frozen=True)
class How:
    """How the model runs: where, with which measurements, compiled as a whole or line by line."""

    target: Target
    efficiency: Efficiency | None = None
    compiled: bool = True


@dataclass(frozen=True)
class Timing:
    """The jobs of a mode, and how fast a target is at them. Times are in seconds."""

    how: How
    rates: Rates
    jobs: tuple[Job, ...]
    work: Mapping[Node, Work]

    @property
    def kind(self) -> Literal["roofline", "calibrated"]:
        """What a time is worth: a bound of the target's peaks, or by measured efficiencies."""
        return "roofline" if self.how.efficiency is None else "calibrated"

    @cached_property
    def traffic(self) -> Dim:
        """Bytes moved."""
        return sum((job.bytes for job in self.jobs), Dim.of(0))

    @cached_property
    def executed(self) -> Dim:
        """FLOPs that kernels compute: fewer where they skip, more where they compute again."""
        return sum((job.flops for job in self.jobs), Dim.of(0))

    def seconds(self, values: Mapping[str, int]) -> Seconds:
        """The whole's time at these sizes."""
        return sum((self._of(job, values) for job in self.jobs), Seconds())

    def along(
        self, values: Mapping[str, int], free: Iterable[str]
    ) -> Callable[[Mapping[str, int]], float]:
        """The typical seconds of the whole at other values of the symbols `free`."""
        each: list[_Done] = [(job.kind, job.flops, job.bytes, job.launches) for job in self.jobs]
        distinct = dict.fromkeys(each)  # a pattern's layers often do the same
        sizes = Along([size for _, *three in distinct for size in three], values, free)

        def seconds(there: Mapping[str, int]) -> float:
            numbers = iter(sizes.at(there))
            found = {
                job: self.rates.seconds(job[0], next(numbers), next(numbers), next(numbers)).typical
                for job in distinct
            }
            return reduce(add, (found[job] for job in each), 0.0)

        return seconds

    def by_node(self, values: Mapping[str, int]) -> Times:
        """The time of each primitive step, and what is left: the optimizer's."""
        found: dict[Node, Seconds] = {}
        rest = Seconds()
        for job in self.jobs:
            span = self._of(job, values)
            for node, share in self._shares(job, values):
                found[node] = found.get(node, Seconds()) + span * share
            rest = rest if job.nodes else rest + span
        return Times(found, rest)

    def done(self, nodes: Iterable[Node], values: Mapping[str, int]) -> tuple[float, float]:
        """FLOPs executed and bytes moved of some primitive steps."""
        flops = moved = 0.0
        wanted = set(nodes)
        for job in self.jobs:
            part = sum(share for node, share in self._shares(job, values) if node in wanted)
            flops += part * job.flops.value(values)
            moved += part * job.bytes.value(values)
        return flops, moved

    def _of(self, job: Job, values: Mapping[str, int]) -> Seconds:
        flops, moved, launches = (x.value(values) for x in (job.flops, job.bytes, job.launches))
        return self.rates.seconds(job.kind, flops, moved, launches)

    def _shares(self, job: Job, values: Mapping[str, int]) -> Iterable[tuple[Node, float]]:
        """Steps that run as one have its time by their FLOPs; the first has it where none has."""
        flops = [self.work.get(node, Work()).forward.value(values) for node in job.nodes]
        total = sum(flops)
        if not total:
            return ((node, 1.0) for node in job.nodes[:1])
        return ((node, one / total) for node, one in zip(job.nodes, flops, strict=True))


@dataclass(frozen=True)
class Times:
    """Seconds by primitive step; `rest` is no step's: the optimizer."""

    nodes: Mapping[Node, Seconds]
    rest: Seconds

    def of(self, nodes: Iterable[Node]) -> Seconds:
        """Of several steps together."""
        return sum((self.nodes.get(node, Seconds()) for node in nodes), Seconds())


def timing(cost: Cost, work: Mapping[Node, Work], how: How) -> Timing:
    """The timing of a mode. Raises NotYet for a cache under autocast, and for what the target's
    sheet lacks."""
    dtype = cost.precision.activations
    if dtype == "mixed" and cost.mode in ("prefill", "decode"):
        message = "decode does not run under autocast: its cache stays in fp32"
        if cost.mode == "prefill":
            message = "the time of prefill under autocast is not known yet"
        raise NotYet(Diagnostic(AUTOCAST, message, None, help=("ask for `--dtype bf16`",)))
    setting = Setting(
        how.target, dtype, cost.mode, how.compiled, cost.checkpoint, OPTIMIZERS[cost.optimizer],
        cost.style,
    )  # fmt: skip
    rates = Rates(how.target, setting.computes, how.efficiency, how.compiled)
    found = tuple(jobs(cost.graph, work, setting))
    rates.check(found)
    return Timing(how, rates, found, work)
