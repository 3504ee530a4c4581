"""The rows of `peers.py` as a table: for a terminal, for README.md, and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]
# a column: its head, the unit that its numbers are in, and the quantities that may stand in it
COLUMNS: dict[str, tuple[float, tuple[str, ...]]] = {
    "parameters, M": (1e6, ("parameters",)),
    "forward, GFLOPs": (1e9, ("forward FLOPs",)),
    "backward, GFLOPs": (1e9, ("backward FLOPs",)),
    "activations, MB": (1e6, ("activations", "activations, bf16")),
    "states, MB": (1e6, ("training states", "training states, mixed")),
}
HEADS = ("model", "tool", *COLUMNS, "seconds")


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """A line for each tool and model: each number, and how far off it is."""
    jobs = dict.fromkeys(row["job"] for row in rows)
    return [_line([row for row in rows if row["job"] == job]) for job in jobs]


def _line(rows: list[Row]) -> list[str]:
    first = rows[0]
    found = [first["model"], _tool(first)]
    if "cannot" in first:
        return [*found, f"cannot: {first['cannot']}", *[""] * (len(COLUMNS) - 1), _seconds(first)]
    by_quantity = {row["quantity"]: row for row in rows}
    for unit, quantities in COLUMNS.values():
        cells = [_cell(by_quantity[each], unit) for each in quantities if each in by_quantity]
        found.append("; ".join(cells))
    return [*found, _seconds(first)]


def _tool(row: Row) -> str:
    """calflops 0.3.2, eager attention."""
    name, comma, how = row["tool"].partition(",")
    return f"{name} {row['version']}".strip() + comma + how


def _cell(row: Row, unit: float) -> str:
    """33.72 (-4.02 %); of two kinds, the second is named."""
    kind = row["quantity"].partition(", ")[2]
    number = f"{row['value'] / unit:,.2f}" + (f" {kind}" if kind else "")
    return number if row["tool"] == "tfspec" else f"{number} ({_percent(row)})"


def _percent(row: Row) -> str:
    if row["value"] == row["exact"]:
        return "exact"
    percent = 100 * row["error"]
    return f"{percent:+.2f} %" if abs(percent) >= 0.01 else f"{percent:+.0e} %"


def _seconds(row: Row) -> str:
    return f"{row['seconds']:.1f}"


def as_table(rows: Sequence[Row]) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADS, title="what cost tools say, and how far off it is")
    for line in lines(rows):
        table.add_row(*line)
    console = Console(width=None if sys.stdout.isatty() else 170)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def as_markdown(rows: Sequence[Row]) -> str:
    cells = [list(HEADS), ["---"] * len(HEADS), *lines(rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def as_json(rows: Sequence[Row]) -> str:
    return json.dumps(list(rows), indent=1) + "\n"


FORMATS: dict[str, Callable[[Sequence[Row]], str]] = {
    "table": as_table, "json": as_json, "md": as_markdown,
}  # fmt: skip
