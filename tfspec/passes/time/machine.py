"""Times for programs: what a target adds to the JSON of a cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tfspec.passes.cost.fit import RESERVE
from tfspec.passes.time.rates import Seconds

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost, Row
    from tfspec.passes.time.timing import Timing

OPTIMIZER = "optimizer"
"""What the row is called of the time that is no step's."""


def as_objects(cost: Cost, rows: Iterable[tuple[str, Row]]) -> dict[str, Any]:
    """`target`, `traffic` and `time`; nothing where no target is named."""
    if cost.timing is None or cost.time is None or cost.times is None:
        return {}
    modules = [{"path": path, **_seconds(cost.times.of(row.nodes))} for path, row in rows]
    if cost.times.rest.typical:
        modules.append({"path": OPTIMIZER, **_seconds(cost.times.rest)})
    return {
        "target": cost.timing.how.target.as_json(),
        "traffic": {
            "bytes": cost.number(cost.timing.traffic),
            "formula": cost.timing.traffic.ascii(),
        },
        "time": {
            **_seconds(cost.time),
            **_meaning(cost, cost.timing),
            "by_module": modules,
        },
        **_plans(cost),
    }


def _plans(cost: Cost) -> dict[str, Any]:
    """What fits, and a run, where they were asked."""
    found: dict[str, Any] = {}
    if cost.largest:
        largest = [{"dim": x.dim, "size": x.size, "bytes": x.bytes} for x in cost.largest]
        found["fit"] = {"reserve": RESERVE, "largest": largest}
    run = cost.training
    if run is not None:
        found["run"] = {
            run.amount.unit: run.amount.count,
            "gpus": run.amount.gpus,
            "steps": run.steps,
            "step_seconds": run.step_seconds,
            "wall_seconds": run.wall_seconds,
            "gpu_hours": run.gpu_hours,
            "kwh": run.kwh,
            "mfu": run.mfu,
            "mfu_assumed": run.assumed,
        }
    return found


def _seconds(time: Seconds) -> dict[str, Any]:
    return {
        "seconds": time.typical, "low": time.low, "high": time.high, "bound": time.bound
    }  # fmt: skip


def _meaning(cost: Cost, timing: Timing) -> dict[str, Any]:
    """What the seconds are worth, and what they are of."""
    moved, executed = cost.number(timing.traffic), cost.number(timing.executed)
    table = timing.how.efficiency
    return {
        "kind": timing.kind,
        "efficiency": table and table.file,
        "compiled": timing.how.compiled,
        "executed_flops": executed,
        "executed_formula": timing.executed.ascii(),
        "flops_per_byte": executed / moved if moved else None,
        "ridge": timing.rates.ridge,
    }
