"""Costs for programs: JSON and CSV with every number, its unit and its formula."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from tfspec.diagnostics.machine import json_text
from tfspec.passes.cost.groups import By
from tfspec.passes.cost.growth import growth
from tfspec.passes.cost.names import CONVENTION
from tfspec.passes.cost.work import Work
from tfspec.passes.memory.compiled import Compiled
from tfspec.passes.memory.peak import Peak
from tfspec.passes.time.machine import OPTIMIZER, as_objects

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost, Quantity, Row

COLUMNS = (
    "path", "count", "params", "params_formula", "forward_flops", "forward_formula",
    "needed_flops", "backward_flops", "backward_formula",
)  # fmt: skip
TIMED = ("time_seconds", "bound")
"""Columns that a target adds."""
FROZEN = ("trained_params",)
"""Columns that a frozen stream adds."""


def as_json(cost: Cost, by: By = "step") -> str:
    """The whole cost as an object; formulas are over `dims` and `letters`."""
    params = cost.graph.params
    found = {
        "name": cost.name,
        "mode": cost.mode,
        "dims": _dims(cost),
        "letters": {name: size.ascii() for name, size in cost.letters.items()},
        "chosen": dict(cost.chosen),
        "convention": CONVENTION,
        "dtype": cost.precision.name,
        "optimizer": cost.optimizer,
        "params": {
            "total": cost.number(params),
            "active": cost.number(cost.graph.active),
            "trained": cost.number(cost.graph.trained),
            "formula": params.ascii(),
        },
        "flops": _flops(cost, by),
        "style": cost.style,
        "checkpoint": cost.checkpoint,
        "memory": _memory(cost),
        "quantities": [_quantity(each) for each in cost.quantities],
        "growth": [asdict(each) for each in growth(cost)],
        **as_objects(cost, _paths(cost, by)),
    }
    return json_text(found)


def _dims(cost: Cost) -> dict[str, int]:
    """Each dim's value, and that of the letters that formulas are written in."""
    letters = cost.graph.names.letters
    return {n: v for n, v in cost.values.items() if n not in letters or n in cost.letters}


def _quantity(each: Quantity) -> dict[str, object]:
    return {
        "name": each.name,
        "unit": each.unit,
        "value": each.value,
        "formula": each.formula.ascii(),
        "note": each.said.removeprefix(", "),
    }


def _memory(cost: Cost) -> dict[str, object]:
    """Bytes by kind; where the peak falls, and how many rows experts are taken to get; or what a
    compiled step keeps op by op."""
    found: dict[str, object] = {each.name: each.value for each in cost.memory}
    if isinstance(cost.stays, Compiled):
        found["activations_by_op"] = {row.op: row.bytes for row in cost.stays.rows}
    elif cost.stays is not None:
        found["activations_unknown"] = cost.stays
    if isinstance(cost.peak, Peak):
        found["peak_where"] = str(cost.peak.where)
        if cost.peak.routed:
            found["peak_routing"] = "equal shares"
    elif cost.peak is not None:
        found["peak_unknown"] = cost.peak
    return found


def _flops(cost: Cost, by: By) -> dict[str, object]:
    """FLOPs of the whole model, and of each row."""
    done = cost.work
    return {
        "forward": cost.number(done.forward),
        "needed": cost.number(done.needed),
        "needed_exact": done.exact,
        "backward": cost.number(done.backward),
        "formula": done.forward.ascii(),
        "needed_formula": done.needed.ascii(),
        "backward_formula": done.backward.ascii(),
        "macs": cost.number(done.forward) // 2,
        "by_module": [_module(cost, path, row) for path, row in _paths(cost, by)],
    }


def as_csv(cost: Cost, by: By = "step") -> str:
    """A line for each row, the first with the columns' names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = (*COLUMNS, *(FROZEN if cost.graph.freezes else ()), *(TIMED if cost.times else ()))
    writer.writerow(columns)
    for path, row in _paths(cost, by):
        found = _module(cost, path, _expanded(cost, row))
        if cost.times is not None:
            time = cost.times.of(row.nodes)
            found |= {"time_seconds": time.typical, "bound": time.bound or ""}
        writer.writerow([found[name] for name in columns])
    if cost.times is not None and cost.times.rest.typical:
        rest = {"path": OPTIMIZER, "time_seconds": cost.times.rest.typical, "bound": "memory"}
        writer.writerow([rest.get(name, "") for name in columns])
    return text.getvalue().rstrip("\n")


def _paths(cost: Cost, by: By) -> list[tuple[str, Row]]:
    """Each row with the labels that lead to it: `image / Layer / attention / q`.

    No two rows have one path: the second `halve` of a stream is `halve (2)`.
    """
    found: list[tuple[str, Row]] = []
    above: list[str] = []
    seen: Counter[str] = Counter()
    for row in cost.grouped(by):
        above[row.depth :] = [row.label]
        path = " / ".join(above)
        seen[path] += 1
        if seen[path] > 1:
            above[row.depth] = f"{row.label} ({seen[path]})"
        found.append((" / ".join(above), row))
    return found


def _expanded(cost: Cost, row: Row) -> Row:
    """A row whose formulas are over the spec's dims alone: a line has no place for letters."""
    work = row.work
    forward, needed, backward = (
        each.subs(cost.letters) for each in (work.forward, work.needed, work.backward)
    )
    plain = Work(forward, needed, backward, work.exact)
    params, trained = (each.subs(cost.letters) for each in (row.params, row.trained))
    return replace(row, params=params, trained=trained, work=plain)


def _module(cost: Cost, path: str, row: Row) -> dict[str, object]:
    return {
        "path": path,
        "count": row.count,
        "params": cost.number(row.params),
        "params_formula": row.params.ascii(),
        "trained_params": cost.number(row.trained),
        "forward_flops": cost.number(row.work.forward),
        "forward_formula": row.work.forward.ascii(),
        "needed_flops": cost.number(row.work.needed),
        "backward_flops": cost.number(row.work.backward),
        "backward_formula": row.work.backward.ascii(),
    }
