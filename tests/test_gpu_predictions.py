"""The battery's parts `memory` and `time`, rehearsed on a CPU at tiny sizes; their figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.test_gpu_battery import GPU, TINY, alone, edited, prepared, rows, run

MIB = 2**20


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(GPU.parent))


def test_bytes_are_foretold_and_a_file_that_keeps_more_is_seen(tmp_path: Path) -> None:
    manifest = prepared(tmp_path)
    memory = ("memory", *TINY, "--eager")
    (status,), shown, errors = alone(tmp_path, memory)
    assert status == "0", errors
    found = rows(tmp_path, "memory")
    assert {row["job"].removesuffix("/memory") for row in found} == {
        point
        for point, told in manifest["points"]["tiny"].items()
        if "bytes" in told and "/eager" in point
    }
    saved = [row for row in found if row["figure"] == "saved"]
    told = {(row["name"], row["dtype"]) for row in saved if row["off"] == 0}
    both = ("gpt2", "bert-base", "vit-b16", "swin-t", "transformer-base")
    assert told == {
        *((name, dtype) for name in both for dtype in ("fp32", "bf16")),
        ("llama-3-8b", "bf16"),
    }
    kept = {row["job"]: row["measured"] for row in saved}
    once, again = (f"gpt2/tiny/bf16/train/eager{how}/memory" for how in ("", "/block"))
    assert 2 * kept[again] < kept[once]
    assert all(row["measured"] is None for row in found if row["figure"] != "saved")
    count = len([row for row in saved if row["off"] == 0])
    assert count == len([row for row in saved if row["off"] is not None]) >= 11
    right = f"saved: {count} predictions, off by 0.00 % in the mean and 0.00 % at worst\n"
    assert right in shown

    edited(tmp_path, "vit_b16_tiny_fast.py", "F.gelu(self.up(x))", "F.gelu(F.gelu(self.up(x)))")
    (status,), shown, errors = alone(tmp_path, (*memory, "--only", "vit-b16/tiny/fp32"))
    assert status == "0", errors
    (row,) = [row for row in rows(tmp_path, "memory")[len(found) :] if row["figure"] == "saved"]
    assert row["measured"] - row["predicted"] == 2 * 2 * 7 * 80 * 4, (
        "one more input of gelu, of 2 layers"
    )

    judged = run(str(GPU), "judge", "--results", f"{tmp_path}/results").stdout
    assert f"saved: {count + 1} predictions" in judged


def test_seconds_and_the_efficiency_table(tmp_path: Path) -> None:
    prepared(tmp_path)
    quick = ("time", *TINY, "--iterations", "2")
    commands = [
        (*quick, "--eager", "--only", "vit-b16/tiny/bf16/train"),
        (*quick, "--only", "efficiency"),
    ]
    statuses, _, errors = alone(tmp_path, *commands)
    assert statuses == ["0", "0"], errors
    (timed,) = [row for row in rows(tmp_path, "time") if "figure" in row]
    assert (timed["figure"], timed["checkpoint"]) == ("seconds", "none")
    assert 0 < timed["fastest"] <= timed["measured"] <= timed["slowest"]
    path = tmp_path / "results" / "efficiency-cpu.json"
    assert f"wrote {path}" in errors
    table = json.loads(path.read_text("utf-8"))
    assert (table["schema"], table["device"], table["target"]) == (
        "tfspec-efficiency/1",
        "cpu",
        "cpu",
    )
    both = [(row["kind"], row["bound"]) for row in table["rows"] if row["dtype"] == "fp32"]
    assert both == [
        ("attention", "compute"), ("attention", "memory"), ("convolution", "compute"),
        ("convolution", "memory"), ("gather", "memory"), ("pointwise", "memory"),
        ("product", "compute"), ("product", "memory"),
    ]  # fmt: skip
    ranges = [*table["rows"], *table["launch_us"].values()]
    assert all(0 < row["low"] <= row["typical"] <= row["high"] for row in ranges)


@pytest.mark.usefixtures("beside")
def test_points_tell_each_other_apart_and_are_enough() -> None:
    from gpu_points import MEMORY, TIME, of_row, points

    for size in ("full", "tiny"):
        chosen = [points(text, size) for text in (MEMORY, TIME)]
        assert sum(map(len, chosen)) >= 40
        for each in chosen:
            assert len({point.id for point in each}) == len(each) >= 24
            assert [of_row(point.about()) for point in each] == each


def rated(kind: str, bound: str, dtype: str, amount: float, *seen: float) -> dict[str, Any]:
    about = {"device": "NVIDIA H200", "target": "h200", "torch": "2.11.0"}
    return {
        **about,
        "kind": kind,
        "bound": bound,
        "dtype": dtype,
        "amount": amount,
        "fractions": seen,
    }


@pytest.mark.usefixtures("beside")
def test_fractions_are_put_into_buckets_by_size() -> None:
    from gpu_efficiency import DTYPES, table
    from gpu_kernels import KINDS

    launch = [
        {"bound": form, "launch_us": [us, us + 2, us + 1]}
        for form, us in (("eager", 5), ("compiled", 2))
    ]
    measured = [rated(*kind, dtype, 1e6, 0.5, 0.5) for kind in KINDS for dtype in DTYPES]
    large = [rated("product", "compute", "bf16", 2e9 + i, 0.625, 0.75) for i in range(2)]
    found = table([*measured, *large, *launch])
    assert found is not None
    assert found["launch_us"]["eager"] == {"typical": 6, "low": 5.2, "high": 6.8}
    products = [
        row
        for row in found["rows"]
        if (row["kind"], row["dtype"], row["bound"]) == ("product", "bf16", "compute")
    ]
    assert [(row.get("up_to"), row["typical"]) for row in products] == [(1e9, 0.5), (None, 0.6875)]
    assert table([*measured, *launch[:1]]) is None, "a launch gap is missing"
    assert table([*measured[1:], *launch]) is None, "a kind is missing"


@pytest.mark.usefixtures("beside")
def test_the_sheet_of_a_device() -> None:
    from gpu_predict import sheets_of
    from gpu_time import peaks_of

    sheets = sheets_of(("h100", "h200"))
    h200 = peaks_of(sheets, "NVIDIA H200")
    assert h200 is not None
    rates = [h200.flops("product", "fp32"), h200.flops("convolution", "fp32"), h200.bandwidth]
    assert rates == [67e12, 494.5e12, 4800]
    assert (peaks_of(sheets, "NVIDIA H100 80GB HBM3") or h200).target == "h100"
    assert peaks_of(sheets, "NVIDIA H100 PCIe") is None


@pytest.mark.usefixtures("beside")
def test_errors_stand_beside_their_goals() -> None:
    from gpu_verdicts import compared, verdicts

    peaks = [compared("peak", told, 100.0) for told in (101.0, 97.0)]
    times = [
        {**compared("seconds", told, 2.0), "kind": kind}
        for told, kind in ((1.5, "roofline"), (2.1, "calibrated"))
    ]
    assert verdicts([*peaks, *times]) == [
        "peak: 2 predictions, off by 2.00 % in the mean and 3.00 % at worst (goals: 2 % mean, 5 % worst)",
        "seconds, roofline: 1 predictions, off by 25.00 % in the mean and 25.00 % at worst (goals: 20 % mean)",
        "seconds, calibrated: 1 predictions, off by 5.00 % in the mean and 5.00 % at worst (goals: 10 % mean)",
    ]
    assert compared("peak", None, 3.0)["off"] is None


@pytest.mark.usefixtures("beside")
def test_the_allocators_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU is here: a stand-in for its allocator, which other tenants hold 7 MiB of."""
    import gpu_memory

    now = {"allocated": 7 * MIB, "most": 90 * MIB}

    def reset() -> None:
        now["most"] = now["allocated"]

    monkeypatch.setattr(gpu_memory, "workspaces", lambda: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: now["allocated"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: now["most"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset)

    def hold(change: int) -> None:
        now["allocated"] += change * MIB
        now["most"] = max(now["most"], now["allocated"])

    class Loss:
        nbytes = 4

        def backward(self) -> None:
            hold(+5)
            hold(-15)  # 20 kept by forward go, 10 of gradients stay

    class Step:
        module = torch.nn.BatchNorm1d(200)  # its 3 buffers: 800 bytes, 800, and a number
        inputs = {"x": torch.zeros(MIB)}  # noqa: RUF012
        labels = (torch.zeros(1),)

        def loss(self) -> Loss:
            hold(+30)
            hold(-10)
            return Loss()

        def update(self) -> None:
            hold(+25)
            hold(-35)

    ledger: Any = gpu_memory.OnCuda()
    hold(100)  # the model and the optimizer
    step: Any = Step()
    found = gpu_memory.trained(step, ledger)
    assert found == {"saved": 20 * MIB, "peak": 30 * MIB, "total": 131 * MIB - 6 * 512}


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernels_of_full_size_can_be_called(dtype: torch.dtype) -> None:
    """Where no GPU is, on the meta device: shapes fit, and FLOPs are torch's own where it counts."""
    from gpu_kernels import KINDS

    for (kind, bound), make in KINDS.items():
        for kernel in make("full", dtype, "meta"):
            counter = FlopCounterMode(display=False)
            with counter, sdpa_kernel(SDPBackend.MATH):
                kernel.calls[-1]()
            dense = kind != "attention" or "causal" not in kernel.name
            if bound == "compute" and dense and "backward" not in kernel.name:
                assert counter.get_total_flops() == kernel.flops, kernel.name
            assert kernel.bytes > 0
