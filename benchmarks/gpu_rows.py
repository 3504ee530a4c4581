"""Rows that outlive a run: measured once, appended to a JSONL file, skipped the next time.

A job makes one or more rows, written together. Its rows hold for the emitted files, the device and
the torch that they were measured with; with others the job runs again.
"""

from __future__ import annotations

import json
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Row = dict[str, Any]
LEFT = 3  # the exit status when time ran out
LOST = "CUDA error"  # every call after one fails alike


@dataclass(frozen=True)
class Job:
    """What to measure: `id` names it, `about` are columns of all its rows, `measure` makes them."""

    id: str
    about: Row
    measure: Callable[[], Sequence[Row]]


@dataclass
class Journal:
    """The file of rows; `common` are columns of every row of this run, and tell runs apart."""

    path: Path
    common: Row
    key: tuple[str, ...] = ("job", "files", "device", "torch")
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = list(self._read())

    def _read(self) -> Iterator[Row]:
        if self.path.exists():
            for line in self.path.read_text("utf-8").splitlines():
                # a run that was stopped in the middle of a write leaves half a line
                if line.startswith("{") and line.endswith("}"):
                    yield json.loads(line)

    def of(self, job: Job) -> list[Row]:
        """The rows of a job, as these files, this device and this torch gave them."""
        wanted = self._columns(job)
        return [r for r in self.rows if all(r.get(name) == wanted[name] for name in self.key)]

    def add(self, job: Job, rows: Sequence[Row]) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        made = [{**self._columns(job), **row, "at": at} for row in rows]
        self.rows += made
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(row) + "\n" for row in made)
        with self.path.open("a+", encoding="utf-8") as file:
            if file.tell() and not self.path.read_bytes().endswith(b"\n"):
                text = "\n" + text
            file.write(text)

    def drop(self, jobs: Sequence[Job], bad_only: bool = False) -> None:
        """Forget the rows of these jobs, or of those among them that are not ok."""
        gone = [self.of(job) for job in jobs]
        gone = [rows for rows in gone if not bad_only or not all(row["ok"] for row in rows)]
        ids = {id(row) for rows in gone for row in rows}
        if not ids:
            return
        self.rows = [row for row in self.rows if id(row) not in ids]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), "utf-8")

    def _columns(self, job: Job) -> Row:
        return {"job": job.id, **self.common, **job.about}


def run(jobs: Sequence[Job], journal: Journal, minutes: float) -> int:
    """Measure what is missing, as long as there is time: 0 all well, 1 something is not, 3 left."""
    start, longest = time.monotonic(), 0.0
    missing = [job for job in jobs if not journal.of(job)]
    for index, job in enumerate(missing):
        began = time.monotonic()
        if index and began - start + longest > 60 * minutes:
            say(f"{len(missing) - index} jobs are left: run the same command again")
            return LEFT
        progress = f"[{index + 1}/{len(missing)}] {job.id}"
        say(f"{progress} ...")  # so that a run that is cut off tells where it was
        journal.add(job, measured(job))
        taken = time.monotonic() - began
        longest = max(longest, taken)
        state = "ok" if all(row["ok"] for row in journal.of(job)) else "NOT OK"
        say(f"{progress}: {state}, {taken:.1f} s")
        if any(LOST in row.get("why", "") for row in journal.of(job)):
            say("this process has lost its device: run the same command again")
            return LEFT
    return 0 if all(row["ok"] for job in jobs for row in journal.of(job)) else 1


def measured(job: Job) -> Sequence[Row]:
    """The job's rows; where it breaks, one that says how, and the battery goes on."""
    try:
        return job.measure()
    except Exception as error:
        traceback.print_exc()
        return [{"what": "broke", "ok": False, "why": reason(error)}]


def reason(error: Exception) -> str:
    """An exception in one line."""
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first}"[:300]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def versions() -> Row:
    """What the figures depend on, without importing any of it."""
    found = {"python": platform.python_version()}
    for package in ("torch", "transformers", "triton", "timm"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
