"""How long a step takes, beside what was predicted; and how much of its peaks a device reaches."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gpu_clock import clocks, in_turns
from gpu_efficiency import Peaks, jobs_of, table
from gpu_models import Model
from gpu_numerics import How
from gpu_points import TIME, Point, points
from gpu_rows import Job, Row, say
from gpu_steps import afresh, step_of
from gpu_verdicts import compared, sheet_name

REHEARSED = Peaks("cpu", {"fp32": 1.0, "bf16": 1.0, "tf32": 1.0}, 100.0)
"""A CPU has no sheet: these stand in for one while every line runs, and mean nothing."""


def peaks_of(sheets: dict[str, Any], device: str) -> Peaks | None:
    """The sheet of the device that torch names so; None where there is none."""
    if device == "cpu":
        return REHEARSED
    name = sheet_name(sheets, device)
    if name is None:
        return None
    return Peaks(name, sheets[name]["tflops"], sheets[name]["bandwidth_gb_per_s"])


def jobs(
    models: dict[str, Model], predicted: dict[str, Any], how: How, peaks: Peaks | None,
    iterations: int,
) -> list[Job]:  # fmt: skip
    """What is left of efficiencies where the device has no sheet: nothing to be a fraction of."""
    size, device = next((model.size, model.device) for model in models.values())
    target = peaks.target if peaks else ""
    found = [
        job(models[p.model], p, predicted[p.id]["seconds"].get(target, {}), how, iterations)
        for p in points(TIME, size, how.backend is not None)
    ]
    return found + (jobs_of(peaks, size, device, how) if peaks else [])


def job(model: Model, point: Point, predicted: Row, how: How, iterations: int) -> Job:
    columns = {"files": model.digest(), **point.about()}
    measure = partial(measured, model, point, predicted, how, iterations)
    return Job(f"{point.id}/time", columns, partial(afresh, measure))


def measured(model: Model, point: Point, predicted: Row, how: How, iterations: int) -> list[Row]:
    """One row: the median of single steps, which follow each other without waiting."""
    step = step_of(model, point, how)
    before = clocks(model.device)
    taken = in_turns({"step": step.whole}, model.device, iterations)["step"]
    seconds = [ms / 1e3 for ms in taken]
    row = compared("seconds", predicted.get("typical"), statistics.median(seconds))
    row |= {"fastest": min(seconds), "slowest": max(seconds), "iterations": iterations}
    row |= {name: predicted[name] for name in ("low", "high", "kind") if name in predicted}
    row |= {"clocks_before": before, "clocks_after": clocks(model.device)}
    return [row | ({"note": predicted["why"]} if "why" in predicted else {})]


def finish(rows: Sequence[Row], results: Path) -> None:
    """Write the efficiency table of each device whose measurements are all there."""
    measured = [row for row in rows if "fractions" in row or "launch_us" in row]
    for device in dict.fromkeys(row["device"] for row in measured):
        found = table([row for row in measured if row["device"] == device])
        if found is None:
            say(f"the efficiency table of {device} waits for what is left")
            continue
        path = results / f"efficiency-{found['target']}.json"
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        say(f"wrote {path}")
