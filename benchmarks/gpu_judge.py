"""What tfspec predicts today of what was measured: rows stay as they are, with what they foretold.

With an efficiency table, seconds on its device are calibrated. Needs tfspec, and no torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpu_points import of_row
from gpu_predict import predicted_bytes, predicted_seconds, sheets_of
from gpu_prepare import TIMED
from gpu_table import read_rows, tables
from gpu_verdicts import Row, compared, sheet_name

PARTS = ("memory", "time")


def judge(results: Path, efficiency: Path | None) -> int:
    """Print every measurement of the two parts beside today's prediction."""
    rows = [row for part in PARTS for row in read_rows(results / f"{part}.jsonl")]
    figures = [row for row in rows if "figure" in row]
    if not figures:
        raise SystemExit(f"{results} has no rows of {' or '.join(PARTS)}")
    told = _Told(efficiency)
    tables([told.again(row) for row in figures])
    return 0


class _Told:
    """Predictions by point, each made once."""

    def __init__(self, efficiency: Path | None) -> None:
        self.efficiency = efficiency
        self.device = json.loads(efficiency.read_text("utf-8"))["device"] if efficiency else ""
        self.sheets = sheets_of(TIMED)
        self.bytes: dict[tuple[str, str], Row] = {}

    def again(self, row: Row) -> Row:
        found = self._seconds(row) if row["figure"] == "seconds" else self._bytes(row)
        plain = {name: value for name, value in row.items() if name not in ("kind", "low", "high")}
        plain |= {name: found[name] for name in ("kind", "low", "high") if name in found}
        figure = "typical" if row["figure"] == "seconds" else row["figure"]
        return plain | compared(row["figure"], found.get(figure), row["measured"])

    def _bytes(self, row: Row) -> dict[str, Any]:
        point, target = of_row(row), row["versions"]["target"]
        key = (point.id, target)
        if key not in self.bytes:
            self.bytes[key] = predicted_bytes(point, target)
        return self.bytes[key]

    def _seconds(self, row: Row) -> dict[str, Any]:
        target = sheet_name(self.sheets, row["device"]) or row["versions"]["target"]
        table = self.efficiency if row["device"] == self.device else None
        return predicted_seconds(of_row(row), target, table)
