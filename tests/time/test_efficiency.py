"""Efficiency tables: what a good one makes of times, and what is said of a wrong one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import tfspec
from tfspec.api import SpecError
from tfspec.passes.time.efficiency import Share, load, of
from tfspec.program.refusal import NotYet
from tfspec.spec.sheets import SheetError
from tfspec.targets import sheets


def row(kind: str, bound: str, typical: float, up_to: float | None = None) -> dict[str, Any]:
    share = {"typical": typical, "low": typical / 2, "high": typical * 1.25}
    found = {"kind": kind, "dtype": "bf16", "bound": bound, **share}
    return found if up_to is None else found | {"up_to": up_to}


TABLE: dict[str, Any] = {
    "schema": "tfspec-efficiency/1",
    "device": "NVIDIA H200",
    "target": "h200",
    "torch": "2.13.0",
    "launch_us": {
        "eager": {"typical": 6, "low": 5, "high": 9},
        "compiled": {"typical": 2, "low": 1, "high": 4},
    },
    "rows": [
        row("product", "compute", 0.25, 1e9),
        row("product", "compute", 0.75),
        row("product", "memory", 0.8),
        row("attention", "compute", 0.5),
        row("attention", "memory", 0.6),
        row("pointwise", "memory", 0.4, 1e6),
        row("pointwise", "memory", 0.8),
        row("gather", "memory", 0.4),
    ],
}


def write(folder: Path, table: dict[str, Any]) -> str:
    path = folder / "h200.json"
    path.write_text(json.dumps(table, indent=1))
    return str(path)


def changed(**change: Any) -> dict[str, Any]:
    """The table with these keys in its third row."""
    table = copy.deepcopy(TABLE)
    table["rows"][2] |= change
    return table


def test_a_kernel_uses_the_first_row_that_it_fits_in(tmp_path: Path) -> None:
    table = load(write(tmp_path, TABLE))
    for flops, typical in ((1, 0.25), (1e9, 0.25), (1e9 + 1, 0.75), (1e30, 0.75)):
        found = table.share("product", "bf16", "compute", flops)
        assert found == Share(typical, typical / 2, typical * 1.25)
    assert table.launch(compiled=True) == Share(2e-6, 1e-6, 4e-6)
    assert table.launch(compiled=False) == Share(6e-6, 5e-6, 9e-6)


def test_calibrated_times(tmp_path: Path) -> None:
    """Bound by products of the larger bucket, at 75 % of the peak; between 37.5 and 93.75 %."""
    how = {"dtype": "bf16", "target": "h200"}
    architecture = tfspec.load("llama-3-8b", {"B": 4, "T": 8192})
    plain = architecture.cost("prefill", **how)  # pyright: ignore
    found = architecture.cost("prefill", efficiency=write(tmp_path, TABLE), **how)  # pyright: ignore
    assert plain.timing is not None
    assert found.timing is not None
    assert (plain.timing.kind, found.timing.kind) == ("roofline", "calibrated")
    for job in found.timing.jobs:
        if job.kind == "product" and job.launches.terms:
            numbers = [found.number(each) for each in (job.flops, job.bytes, job.launches)]
            flops, moved, launches = numbers
            span = found.timing.rates.seconds(job.kind, *numbers)
            share = 0.25 if flops / launches <= 1e9 else 0.75
            compute, memory = flops / 989.5e12 / share, moved / 4.8e12 / 0.8
            assert span.typical == pytest.approx(max(compute, memory, launches * 2e-6))
    assert plain.time is not None
    assert found.time is not None
    assert found.time.low < found.time.typical < found.time.high
    assert plain.time.typical < found.time.low


def test_small_steps_are_bound_by_their_launches(tmp_path: Path) -> None:
    """A step at 124 M parameters starts more kernels than the device would wait for otherwise."""
    table = write(tmp_path, TABLE)
    found = tfspec.load("gpt2").cost("decode", dtype="bf16", target="h200", efficiency=table)
    assert found.time is not None
    assert found.time.bound == "launch"
    eager = tfspec.load("gpt2").cost(
        "decode", dtype="bf16", target="h200", efficiency=table, compiled=False
    )
    assert eager.time is not None
    assert eager.time.typical > 3 * found.time.typical


def test_a_run_by_measured_times_says_its_own_mfu(tmp_path: Path) -> None:
    from tfspec.passes.time.runs import Amount

    found = tfspec.load("gpt2", {"B": 16}).cost(
        "train",
        dtype="bf16",
        target="h200",
        efficiency=write(tmp_path, TABLE),
        run=Amount("tokens", 10**9),
    )
    run = found.training
    assert run is not None
    assert found.time is not None
    assert not run.assumed
    assert run.step_seconds == found.time.typical
    assert run.mfu == pytest.approx(found.number(found.flops) / 989.5e12 / found.time.typical)
    assert f"at {run.mfu:.1%} MFU" in found.text()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            changed(typical=0),
            "TS191 `typical` is more than 0, and 0 is not | write what was measured, or what the "
            "device's own documentation says",
        ),
        (changed(typical="x"), "TS103 `typical` takes a number, not `x`"),
        (
            changed(low=0.9),
            "TS190 low, typical and high are in order, and 0.9, 0.8 and 1 are not",
        ),
        (changed(high=21), "TS190 `high` is at most 20, and 21 is not"),
        (
            changed(bound="compute", high=1.6),
            "TS190 `high` is at most 1.5, and 1.6 is not",
        ),
        (
            changed(bound="computing"),
            "TS104 `bound` is `compute` or `memory`, not `computing` | did you mean `compute`?",
        ),
        (
            changed(dtype="fp8"),
            "TS104 `dtype` is `fp32`, `bf16` or `fp16`, not `fp8`",
        ),
        (changed(upto=3), "TS101 a row has no `upto` | did you mean `up_to`?"),
        (
            changed(up_to=5),
            "TS190 product in bf16, by memory: the last row has no `up_to`",
        ),
        (
            changed(bound="compute", up_to=5),
            "TS190 product in bf16, by compute: `up_to` grows from row to row, and only the last "
            "has none",
        ),
        (TABLE | {"rows": []}, "TS190 `rows` takes a list of rows"),
        (
            TABLE | {"schema": "tfspec-efficiency/2"},
            "TS104 `schema` is `tfspec-efficiency/1`, not `tfspec-efficiency/2` | "
            "did you mean `tfspec-efficiency/1`?",
        ),
        (
            TABLE | {"launch_us": TABLE["launch_us"] | {"eager": {"typical": 5000}}},
            "TS102 a launch needs `low` | add a line `low: ...`; `benchmarks/gpu.py time` writes such "
            "a table",
        ),
        (
            TABLE
            | {
                "launch_us": TABLE["launch_us"]
                | {"eager": {"typical": 5000, "low": 1, "high": 5000}}
            },
            "TS190 `high` is at most 1000, and 5000 is not",
        ),
    ],
)
def test_a_wrong_table(tmp_path: Path, table: dict[str, Any], expected: str) -> None:
    with pytest.raises(SheetError) as refused:
        load(write(tmp_path, table))
    first = refused.value.diagnostics[0]
    assert " | ".join((f"{first.code} {first.message}", *first.help)) == expected
    assert first.span is not None


def test_what_was_not_measured_is_said_before_any_time(tmp_path: Path) -> None:
    path = write(tmp_path, TABLE)
    with pytest.raises(SpecError) as refused:
        tfspec.load("gpt2").cost(target="h200", efficiency=path)
    (only,) = refused.value.diagnostics
    assert only.message == f"`{path}` has no rows of `gather` in fp32, by memory"
    measured = "attention in bf16, gather in bf16, pointwise in bf16, product in bf16"
    assert only.help == (f"measured: {measured}",)
    with pytest.raises(SpecError) as refused:
        tfspec.load("vit-b16").cost(target="h200", dtype="bf16", efficiency=path)
    assert "has no rows of `convolution` in bf16" in str(refused.value)


def test_a_table_of_another_target(tmp_path: Path) -> None:
    path = write(tmp_path, TABLE)
    with pytest.raises(NotYet) as refused:
        of(sheets()["h100"], path)
    assert str(refused.value) == f"`{path}` is of the target `h200`, and `h100` is asked for"


def test_none_is_shipped_and_so_none_is_used() -> None:
    """Whoever ships the first measured table changes this test, and the words `not measured`."""
    for sheet in sheets().values():
        assert of(sheet, None) is None
        assert not sheet.measured
