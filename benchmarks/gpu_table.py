"""Rows as tables, for a terminal or a log."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpu_parts import PARTS
from gpu_verdicts import devices, efficiencies, launches, predictions, verdicts

Row = dict[str, Any]


def show(results: Path) -> int:
    """Print every row of a folder that is of the battery."""
    paths = sorted(path for path in results.glob("*.jsonl") if path.stem in PARTS)
    rows = [row for path in paths for row in read_rows(path)]
    tables(rows)
    return 0 if all(row["ok"] for row in rows) else 1


def read_rows(path: Path) -> list[Row]:
    """Those of a file, if it is there; a run that was stopped may have left half a line."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def tables(rows: Sequence[Row]) -> None:
    """Counts, errors, times, predictions, efficiencies each in their table; then what broke."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 150)
    kinds = {
        "found": counts, "error": errors, "ms": times, "figure": predictions,
        "fractions": efficiencies, "launch_us": launches, "why": broken,
    }  # fmt: skip
    for column, make in kinds.items():
        chosen = [row for row in rows if column in row]
        if chosen:
            console.print(make(chosen))
    for line in verdicts([row for row in rows if row.get("off") is not None]):
        console.print(line)


def counts(rows: Sequence[Row]) -> Any:
    from rich.table import Table

    table = Table("model", "what", "predicted", "found", "ok", title="counts")
    for row in rows:
        numbers = (f"{row['predicted']:,}", f"{row['found']:,}")
        table.add_row(f"{row['name']} {row['size']}", row["what"], *numbers, _ok(row))
    return table


def errors(rows: Sequence[Row]) -> Any:
    from rich.table import Table

    title = f"relative errors on {devices(rows)}"
    table = Table("model", "dtype", "form", "what", "error", "bound", "peer's", "ok", title=title)
    for row in rows:
        peer = f"{row['peer_error']:.1e}" if "peer_error" in row else ""
        where = f"{row['what']} ({row['where']})" if "where" in row else row["what"]
        table.add_row(
            f"{row['name']} {row['size']}", row["dtype"], row["form"], where,
            f"{row['error']:.1e}", f"{row['bound']:.1e}", peer, _ok(row),
        )  # fmt: skip
    return table


def times(rows: Sequence[Row]) -> Any:
    from rich.table import Table

    title = f"times on {devices(rows)}; a ratio above 1: the emitted code is faster"
    heads = ("model", "what", "load", "ms", "peer", "peer's ms", "ratio", "quartiles")
    table = Table(*heads, "GB", "peer's", "rate", title=title)
    for row in rows:
        low, high = row["ratio_quartiles"]
        table.add_row(
            f"{row['name']} {row['dtype']}", row["what"], row["load"], f"{row['ms']:,.3f}",
            row["peer"], f"{row['peer_ms']:,.3f}", f"{row['ratio']:.3f}", f"{low:.3f}-{high:.3f}",
            _gigabytes(row["memory_bytes"]), _gigabytes(row["peer_memory_bytes"]), _rate(row),
        )  # fmt: skip
    return table


def _rate(row: Row) -> str:
    if "tokens_per_s" in row:
        return f"{row['tokens_per_s']:,.0f} tokens/s"
    return f"{row['tflops']:,.1f} TFLOP/s"


def broken(rows: Sequence[Row]) -> Any:
    from rich.table import Table

    table = Table("job", "what", "why", title="not measured")
    for row in rows:
        table.add_row(row["job"], row["what"], row["why"])
    return table


def _ok(row: Row) -> str:
    return "ok" if row["ok"] else "NO"


def _gigabytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1e9:.2f}"
