"""The charts of a page, and for each that a model has not, one sentence that says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tfspec.diagnostics.escape import escape
from tfspec.passes.cost.cost import cost as cost_pass
from tfspec.passes.cost.report import Cost, CostMode
from tfspec.passes.report.amounts import Amounts
from tfspec.passes.report.flops_chart import FlopsChart, flops_chart
from tfspec.passes.report.lengths import Length, ascending, batch, length, some
from tfspec.passes.report.memory_chart import MemoryChart, memory_chart
from tfspec.passes.report.roofline import Roofline, roofline
from tfspec.program.refusal import NotYet

BATCHES = (1, 8, 32, 128)


@dataclass(frozen=True)
class Charts:
    """What there is, and why the rest is not: `no_flops`, `no_memory`, `no_roofline`."""

    flops: FlopsChart | None = None
    memory: list[MemoryChart] = field(default_factory=list[MemoryChart])
    roofline: Roofline | None = None
    no_flops: str = ""
    no_memory: list[str] = field(default_factory=list[str])
    no_roofline: str = ""
    alike: str = ""
    """Of lengths that vary alike, where attention overtakes the rest."""
    beside: str = ""
    """What the charts' other sizes are."""


def charts(amounts: Amounts) -> Charts:
    cost = amounts.cost
    along = length(cost.graph)
    flops = None if along is None else flops_chart(amounts, along)
    memory, unknown = _memory(cost, along)
    roof = None if cost.timing is None else roofline(amounts, cost.timing)
    return Charts(
        flops, memory, roof, "" if flops else _no_flops(cost, along), unknown,
        "" if roof else _no_roofline(cost), _alike(flops, along), _beside(cost),
    )  # fmt: skip


def _alike(flops: FlopsChart | None, along: Length | None) -> str:
    if flops is None or flops.size is None or along is None or len(along.dims) == 1:
        return ""
    return f"Where {flops.label}, attention overtakes all else from {flops.size:,} on."


def _beside(cost: Cost) -> str:
    varying = (name for name, d in cost.graph.facts.domains.items() if d.low != d.high)
    sizes = (f"{name} = {cost.values[name]:,}" for name in varying)
    return escape(", ".join(sizes))


def _no_flops(cost: Cost, along: Length | None) -> str:
    if along is None:
        return "There is no chart against length, for every length of this spec is fixed."
    what = "has no attention" if cost.flops.terms else "multiplies no matrices"
    return f"There is no chart against length, for this model {what} to compare."


def _no_roofline(cost: Cost) -> str:
    if cost.timing is None:
        return (
            "There is no roofline and no time, for no machine is named: --target h200 names one, "
            "and tfspec list --targets has all."
        )
    return "There is no roofline, for nothing computes."


# ---- memory
_PANELS: tuple[tuple[CostMode, str], ...] = (("train", "Training"), ("decode", "Generation"))


def _memory(cost: Cost, along: Length | None) -> tuple[list[MemoryChart], list[str]]:
    """What training holds, and what generation does, where the model has it."""
    over, sizes = _over(cost, along)
    found: list[MemoryChart] = []
    unknown: list[str] = []
    for mode, title in _PANELS:
        try:
            found.append(memory_chart(title, _of(cost, mode), over, sizes))
        except NotYet as refusal:
            unknown.append(sentence(f"there are no bars of {title.lower()}: {refusal}"))
    return found, [*unknown, *_uncounted(cost)]


def _of(cost: Cost, mode: CostMode) -> Cost:
    """The cost in another mode, at the same dtype and on the same machine."""
    how = None if cost.timing is None else cost.timing.how
    return cost_pass(cost.graph, mode, cost.precision.name, cost.optimizer, how=how)


def _over(cost: Cost, along: Length | None) -> tuple[Length, list[int]]:
    """A length; where all are fixed, the batch; where that is too, nothing."""
    if along is not None:
        return along, some(along)
    each = batch(cost.graph)
    if each is None:
        return Length((), 1, 1, 1), [1]
    return each, ascending(map(each.allowed, BATCHES))


def _uncounted(cost: Cost) -> Iterator[str]:
    if cost.precision.activations == "mixed":
        yield "Activations under autocast have no formula, and the bars are without them."


def sentence(text: str) -> str:
    """Words with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
