"""The tables of the page: what the text output has, as cells."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.diagnostics.escape import escape, shorten
from tfspec.passes.cost import fit
from tfspec.passes.cost.report import Cost, Row
from tfspec.passes.cost.text import formula, number, rounded, scaled
from tfspec.passes.shapes.shapes import Flow, shape_flow
from tfspec.passes.shapes.text import meaning, params, row_label, sizes
from tfspec.passes.time.machine import OPTIMIZER
from tfspec.passes.time.rates import Seconds
from tfspec.passes.time.text import interval, seconds

LONGEST = 60
"""Characters of a name in a table."""


@dataclass(frozen=True)
class Fact:
    """A number at the head of the page, and below it what it is of."""

    number: str
    what: str
    more: str = ""


def head(cost: Cost) -> list[Fact]:
    """What a reader looks for first."""
    count, active = cost.number(cost.graph.params), cost.number(cost.graph.active)
    flops = cost.number(cost.flops)
    work = {"train": "FLOPs a training step", "decode": "FLOPs a token decoded"}
    found = [
        Fact(rounded(count), "parameters", f"{count:,}" if rounded(count) != f"{count:,}" else ""),
        Fact(
            scaled(flops, "").rstrip(),
            work.get(cost.mode, f"FLOPs, {cost.mode}"),
            f"{scaled(flops // 2, 'MACs')}",
        ),
        Fact(
            scaled(fit.total_bytes(cost), "B"), "memory held", f"{cost.mode}, {cost.precision.name}"
        ),
    ]
    if active != count:
        found.insert(1, Fact(rounded(active), "active parameters", "that one token uses"))
    if cost.time is not None and cost.timing is not None:
        where = escape(cost.timing.how.target.about)
        _, _, between = interval(cost.time, cost.timing.kind).partition(", ")
        found.append(Fact(seconds(cost.time.typical), f"on {where}", between))
    return found


@dataclass(frozen=True)
class CostRow:
    """A row of the cost table. `share` is of the time on a target, else of the FLOPs, in percent.

    `bar` is its width.
    """

    depth: int
    label: str
    params: str
    flops: str
    formula: str
    share: str
    bar: float
    time: str = ""
    bound: str = ""


def cost_rows(cost: Cost) -> list[CostRow]:
    """The rows of `tfspec cost`, each with its formula."""
    rows = [_cost_row(cost, row) for row in cost.grouped("module")]
    if cost.times is not None and cost.times.rest.typical:
        rows.append(_timed(cost, CostRow(0, OPTIMIZER, "", "", "", "", 0.0), cost.times.rest))
    return rows


def _cost_row(cost: Cost, row: Row) -> CostRow:
    done = cost.of_mode(row.work)
    flops, total = cost.number(done), cost.number(cost.flops)
    label = f"{_name(row.label)} × {row.count}" if row.count > 1 else _name(row.label)
    count = "shared" if row.shared else f"{cost.number(row.params):,}" if row.params.terms else ""
    share = flops / total if total and done.terms else 0.0
    found = CostRow(
        row.depth, label, count, scaled(flops, "").rstrip() if done.terms else "",
        escape(str(done)) if done.terms else "",
        f"{share:.1%}" if done.terms else "", round(100 * share, 1),
    )  # fmt: skip
    return found if cost.times is None else _timed(cost, found, cost.times.of(row.nodes))


def _timed(cost: Cost, row: CostRow, time: Seconds) -> CostRow:
    """On a target a row's share is of the time."""
    whole = cost.time.typical if cost.time is not None else 0.0
    share = time.typical / whole if whole else 0.0
    told = bool(time.typical)
    return CostRow(
        row.depth, row.label, row.params, row.flops, row.formula,
        f"{share:.1%}" if told else "", round(100 * share, 1),
        seconds(time.typical) if told else "", time.bound or "" if told else "",
    )  # fmt: skip


@dataclass(frozen=True)
class QuantityRow:
    name: str
    number: str
    formula: str


def quantities(cost: Cost) -> list[QuantityRow]:
    """Every quantity of the whole model, and on a target its time."""
    found = [
        QuantityRow(each.name.replace("_", " "), number(each), formula(each))
        for each in cost.quantities
    ]
    if cost.time is not None and cost.timing is not None:
        said = interval(cost.time, cost.timing.kind)
        found.append(
            QuantityRow("time", said, "of each kernel the longest of FLOPs, bytes, launch")
        )
    return found


@dataclass(frozen=True)
class FlowRow:
    """A row of the shape flow."""

    depth: int
    label: str
    tokens: str
    shape: str
    sizes: str
    params: str


@dataclass(frozen=True)
class FlowTable:
    rows: list[FlowRow]
    legend: list[str]


def flow(cost: Cost) -> FlowTable:
    """The rows of `tfspec shapes`, in the cost's mode and at its sizes."""
    found = shape_flow(cost.graph, "forward" if cost.mode == "train" else cost.mode)
    at = Flow(found.graph, found.mode, found.rows, {**found.bindings, **_sizes(cost)})
    rows = [
        FlowRow(
            row.depth, _name(row_label(row)), _name(row.tokens),
            _name(cost.graph.show(*row.shapes)), sizes(at, row), params(row),
        )
        for row in at.rows
    ]  # fmt: skip
    said = [escape(f"{each.name} = {meaning(each)}") for each in at.symbols()]
    return FlowTable(rows, said)


def _sizes(cost: Cost) -> dict[str, int]:
    slots = cost.graph.slots_name
    here = {slots: cost.values[slots]} if slots in cost.values else {}
    return {**cost.sizes_of_dims, **here}


def _name(text: str) -> str:
    return shorten(escape(text), LONGEST)
