"""Predictions beside measurements, as tables and against their goals; efficiencies as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def compared(figure: str, predicted: float | None, measured: float | None) -> Row:
    """`off`: the signed relative error of the prediction, where there are both."""
    off = None if predicted is None or not measured else predicted / measured - 1
    return {"figure": figure, "predicted": predicted, "measured": measured, "off": off, "ok": True}


def sheet_name(sheets: dict[str, Any], device: str) -> str | None:
    """The data sheet of a device, by the name that torch gives it."""
    for name, sheet in sheets.items():
        if any(device == f"NVIDIA {each}" for each in sheet["devices"]):
            return name
    return None


GOALS = {"peak": (0.02, 0.05), "total": (0.02, 0.05), "seconds": (0.20, None)}
CALIBRATED = (0.10, None)
"""The mean and the worst error that a prediction is meant to stay under."""


def predictions(rows: Sequence[Row]) -> Any:
    """What was predicted beside what was measured; `off` is the prediction's signed error."""
    from rich.table import Table

    title = f"predicted and measured on {devices(rows)}"
    heads = ("model", "dtype", "what", "form", "again", "load", "figure")
    table = Table(*heads, "predicted", "measured", "off", title=title)
    for row in rows:
        if row["predicted"] is None and row["measured"] is None:
            continue
        again = "" if row["checkpoint"] == "none" else row["checkpoint"]
        off = "" if row["off"] is None else f"{100 * row['off']:+.2f} %"
        table.add_row(
            f"{row['name']} {row['size']}", row["dtype"], row["what"], row["form"], again,
            row["load"], row["figure"], _amount(row, "predicted"), _amount(row, "measured"), off,
        )  # fmt: skip
    return table


def verdicts(rows: Sequence[Row]) -> list[str]:
    """The mean and the worst error of each figure, beside its goals."""
    found: list[str] = []
    for figure, kind in dict.fromkeys((row["figure"], row.get("kind", "")) for row in rows):
        chosen = [row for row in rows if (row["figure"], row.get("kind", "")) == (figure, kind)]
        offs = [abs(row["off"]) for row in chosen]
        mean, worst = sum(offs) / len(offs), max(offs)
        name = f"{figure}, {kind}" if kind else figure
        said = f"{name}: {len(offs)} predictions, off by {100 * mean:.2f} % in the mean"
        said += f" and {100 * worst:.2f} % at worst"
        goals = CALIBRATED if kind == "calibrated" else GOALS.get(figure, (None, None))
        words = [f"{100 * g:.0f} % {w}" for g, w in zip(goals, ("mean", "worst"), strict=True) if g]
        found.append(said + (f" (goals: {', '.join(words)})" if words else ""))
    return found


def _amount(row: Row, column: str) -> str:
    value = row[column]
    if value is None:
        return ""
    if row["figure"] == "seconds":
        return f"{1e3 * value:,.3f} ms"
    return f"{value / 2**20:,.1f} MiB" if value >= 2**20 else f"{value:,} B"


def efficiencies(rows: Sequence[Row]) -> Any:
    from rich.table import Table

    title = f"fractions of the data sheet's peaks, on {devices(rows)}"
    table = Table("kind", "dtype", "bound", "kernel", "amount", "fraction", "range", title=title)
    for row in rows:
        seen, unit = sorted(row["fractions"]), "GFLOP" if row["bound"] == "compute" else "GB"
        table.add_row(
            row["kind"], row["dtype"], row["bound"], row["what"],
            f"{row['amount'] / 1e9:,.4f} {unit}", *_median(seen, 3),
        )  # fmt: skip
    return table


def launches(rows: Sequence[Row]) -> Any:
    from rich.table import Table

    title = f"from one launch to the next, on {devices(rows)}"
    table = Table("form", "chain", "µs", "range", title=title)
    for row in rows:
        table.add_row(row["bound"], row["what"], *_median(sorted(row["launch_us"]), 2))
    return table


def _median(seen: list[float], digits: int) -> tuple[str, str]:
    """The median of what is sorted, and its range."""
    return f"{seen[len(seen) // 2]:.{digits}f}", f"{seen[0]:.{digits}f}-{seen[-1]:.{digits}f}"


def devices(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(row["device"] for row in rows))
