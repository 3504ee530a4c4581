"""The efficiency table: how much of a target's peaks its kernels were seen to reach.

The battery's `benchmarks/gpu.py time` writes it, as JSON:

    schema: tfspec-efficiency/1
    device, torch: what was measured; target: the sheet whose peaks the fractions are of
    launch_us: {eager: SHARE, compiled: SHARE}, in microseconds from one launch to the next
    rows: a list of {kind, dtype, bound, up_to, typical, low, high}

kind: product, convolution, attention, gather or pointwise; dtype: fp32, bf16 or fp16. bound says
what a row is about: `compute`, a fraction of the peak FLOP/s of kernels of at most `up_to` FLOPs,
or `memory`, a fraction of the bandwidth of kernels that move at most `up_to` bytes, by our count.
Rows of one kind, dtype and bound stand in increasing order; the last has no `up_to`. A kernel uses
the first that it fits in. typical is the median in its bucket; low and high are the 10th and the
90th percentile: low <= typical <= high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from tfspec.diagnostics import Diagnostic, Rule
from tfspec.diagnostics.escape import quoted
from tfspec.program.refusal import NotYet
from tfspec.spec.sheets import Positive, Sheet, SheetError, read_sheet
from tfspec.spec.types import Parsed, Text, each_of
from tfspec.spec.wrong import Wrong, wrong
from tfspec.targets import Target

Bound = Literal["compute", "memory"]
MOST = {"compute": 1.5, "memory": 20.0, "launch": 1000.0}
"""More is a mistake: memory may be faster than itself only where a cache answers."""
MADE = "`benchmarks/gpu.py time` writes such a table"
BAD_TABLE = Rule(
    "TS190",
    "an efficiency table that cannot be",
    "A row's numbers contradict each other, or no device could be so fast.",
    "Every time that is told by it would be wrong.",
    "{kind: product, dtype: bf16, bound: compute, typical: 7, low: 6, high: 8}",
    "Measure again with `benchmarks/gpu.py time`, and leave the file as it writes it.",
)
NOT_MEASURED = Rule(
    "TS481",
    "an efficiency that was not measured",
    "The efficiency table has no rows for a kind of kernel in this dtype.",
    "A guess in the place of a measurement would be called calibrated.",
    "tfspec cost gpt2 --target h200 --efficiency h200.json    # which has no rows for fp32",
    "Measure it, ask in a dtype that is there, or leave `--efficiency` out.",
)


@dataclass(frozen=True)
class Share:
    """A fraction of a peak, or seconds: the typical one, and between which two."""

    typical: float
    low: float
    high: float


class _Range(Sheet):
    """A typical value between a low and a high one."""

    typical: Positive
    low: Positive
    high: Positive

    @property
    def share(self) -> Share:
        return Share(self.typical, self.low, self.high)

    def check(self, most: float) -> None:
        """Raises Wrong where it is out of order, or more than could be."""
        if not self.low <= self.typical <= self.high:
            message = f"low, typical and high are in order, and {self.low:g}, {self.typical:g} and "
            raise wrong(BAD_TABLE, f"{message}{self.high:g} are not", self.span)
        if self.high > most:
            message = f"`high` is at most {most:g}, and {self.high:g} is not"
            raise wrong(BAD_TABLE, message, self.span_of("high"))


class _Launch(_Range):
    called = "a launch"
    made = MADE


class _Launches(Sheet):
    """Microseconds from one launch to the next."""

    called = "`launch_us`"
    made = MADE

    eager: _Launch
    compiled: _Launch


class Row(_Range):
    """What kernels of a kind and size reach."""

    called = "a row"
    made = MADE

    kind: Literal["product", "convolution", "attention", "gather", "pointwise"]
    dtype: Literal["fp32", "bf16", "fp16"]
    bound: Literal["compute", "memory"]
    up_to: Positive | None = None


def _rows(value: Any) -> tuple[Row, ...]:
    if not isinstance(value, list) or not value:
        message = "takes a list of rows"
        raise Wrong((Diagnostic(BAD_TABLE, message, None),), names_knob=False)
    return each_of(cast("list[Any]", value), Row.read)


class Table(Sheet):
    """A file as it was read."""

    called = "an efficiency table"
    made = MADE

    version: Literal["tfspec-efficiency/1"] = Field(alias="schema")
    device: Text
    target: Text
    torch: Text = ""
    launch_us: _Launches
    rows: Annotated[tuple[Row, ...], Parsed(_rows, {"type": "array"})]


@dataclass(frozen=True)
class Efficiency:
    """A checked table. `rows` are in increasing order of size for each kind, dtype and bound."""

    file: str
    device: str
    target: str
    launches: tuple[Share, Share]
    rows: dict[tuple[str, str, str], tuple[Row, ...]]

    def launch(self, compiled: bool) -> Share:
        """Seconds from one kernel's launch to the next."""
        found = self.launches[compiled]
        return Share(found.typical / 1e6, found.low / 1e6, found.high / 1e6)

    def share(self, kind: str, dtype: str, bound: Bound, size: float) -> Share:
        """What a kernel of so many FLOPs or bytes reaches. Raises NotYet where none was measured"""
        rows = self.rows.get((kind, dtype, bound))
        if rows is None:
            raise _unmeasured(self, kind, dtype, bound)
        return next(row for row in rows if row.up_to is None or size <= row.up_to).share


def of(target: Target, path: str | None) -> Efficiency | None:
    """The table of a path, else the one that is shipped beside the target's sheet, if any.

    Raises SheetError for what is wrong with it, NotYet where it is of another target.
    """
    shipped = files("tfspec.targets") / f"{target.name}.json"
    if path is None and not (target.sources and shipped.is_file()):
        return None
    found = load(path or str(shipped))
    if found.target != target.name:
        there, here = quoted(found.target), quoted(target.name)
        message = f"{quoted(found.file, 200)} is of the target {there}, and {here} is asked for"
        raise NotYet(Diagnostic(NOT_MEASURED, message, None, help=(f"ask for {there}",)))
    return found


def load(path: str) -> Efficiency:
    """The table of a file. Raises SheetError with all that is wrong with it."""
    table, text = read_sheet(path, Table, "an efficiency table")
    found: list[Diagnostic] = []
    for check in (_check_launches, _check_rows):
        try:
            check(table)
        except Wrong as error:
            found += error.diagnostics
    if found:
        raise SheetError(found, {path: text})
    launches = (table.launch_us.eager.share, table.launch_us.compiled.share)
    return Efficiency(path, table.device, table.target, launches, _by_kind(table.rows))


def _check_launches(table: Table) -> None:
    for each in (table.launch_us.eager, table.launch_us.compiled):
        each.check(MOST["launch"])


def _check_rows(table: Table) -> None:
    for row in table.rows:
        row.check(MOST[row.bound])
    for (kind, dtype, bound), rows in _by_kind(table.rows).items():
        _check_sizes(f"{kind} in {dtype}, by {bound}", rows)


def _check_sizes(what: str, rows: Sequence[Row]) -> None:
    """Each bucket ends, the next ends later, and the last never."""
    for row, later in pairwise(rows):
        if row.up_to is None or (later.up_to is not None and later.up_to <= row.up_to):
            message = f"{what}: `up_to` grows from row to row, and only the last has none"
            raise wrong(BAD_TABLE, message, later.span)
    if rows[-1].up_to is not None:
        raise wrong(BAD_TABLE, f"{what}: the last row has no `up_to`", rows[-1].span_of("up_to"))


def _by_kind(rows: Sequence[Row]) -> dict[tuple[str, str, str], tuple[Row, ...]]:
    found: dict[tuple[str, str, str], tuple[Row, ...]] = {}
    for row in rows:
        key = (row.kind, row.dtype, row.bound)
        found[key] = (*found.get(key, ()), row)
    return found


def _unmeasured(table: Efficiency, kind: str, dtype: str, bound: str) -> NotYet:
    message = f"{quoted(table.file, 200)} has no rows of `{kind}` in {dtype}, by {bound}"
    there = sorted({f"{kind} in {dtype}" for kind, dtype, _ in table.rows})
    help = (f"measured: {', '.join(there)}",)
    return NotYet(Diagnostic(NOT_MEASURED, message, None, help=help))
