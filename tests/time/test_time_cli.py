"""`tfspec cost --target`: what it prints, in each format, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tfspec.cli import main
from tfspec.passes.time.text import seconds


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["cost", *words])
    return code, *capsys.readouterr()


def test_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("llama-3-8b", "--mode", "decode", "--dtype", "bf16", "--target", "h200")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1:4] == [
        "fits: 17.13 GB of 140 GB on an NVIDIA H200 (12%; 1 of 141 GB are reserved), weights and cache",
        "bound by memory, 100% of the time: 1.2 FLOPs a byte, the ridge is at 206",
        "mlp takes 70% of the time",
    ]
    titles = next(line for line in lines if line.startswith("step"))
    assert titles.split() == ["step", "parameters", "FLOPs", "time", "share", "bound"]
    attend = next(line for line in lines if "attend " in line)
    assert attend.split() == ["attend", "4.29", "G", "224", "µs", "6.7%", "memory", "█"]
    assert "time        3.35 ms, 3.35 ms to 9.52 ms (roofline)" in lines
    assert "traffic     16.10 GB" in lines
    assert "Roofline: peaks of the data sheet, not measured." in out


def test_the_text_without_a_target(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "vit-b16", "--set", "B=1")
    assert out.splitlines()[1:3] == [
        "holds 352.93 MB, fullest in the forward of `blocks.0.mlp`, gelu",
        "mlp takes 64% of the FLOPs",
    ]
    assert "time" not in out


def test_what_does_not_fit_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "llama-3-8b",
        "--mode",
        "train",
        "--dtype",
        "bf16",
        "--set",
        "B=16",
        "--target",
        "h200",
    )
    _, out, _ = run(capsys, *words)
    said = " ".join(out.split())
    assert (
        "does not fit: 856.14 GB of 140 GB on an NVIDIA H200 (612%; 1 of 141 GB are reserved), "
        "fullest in the backward" in said
    )


@pytest.mark.parametrize("mode", ["forward", "train", "prefill", "decode"])
def test_every_format_of_every_mode(capsys: pytest.CaptureFixture[str], mode: str) -> None:
    for form in ("text", "json", "csv", "latex"):
        for more in ([], ["--sweep", "T=64..1024"], ["--eager"], ["--by", "kind"]):
            words = ("gpt2", "--mode", mode, "--target", "h200", "--format", form, *more)
            code, out, err = run(capsys, *words)
            assert (code, err) == (0, "")
            assert out.endswith("\n")
            if form == "text":
                assert max(map(len, out.splitlines())) <= 100


def test_json_adds_keys_and_keeps_the_old_ones(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("gpt2", "--mode", "train", "--format", "json")
    plain = json.loads(run(capsys, *words)[1])
    found = json.loads(run(capsys, *words, "--target", "h200")[1])
    rows, timed = (each["flops"].pop("by_module") for each in (plain, found))
    quantities = [each.pop("quantities") for each in (plain, found)]
    names = [[each["name"] for each in found] for found in quantities]
    assert [name for name in names[1] if name not in ("executed", "traffic")] == names[0]
    for one, other in zip(quantities[0][:7], quantities[1], strict=False):
        assert one == other  # what autograd keeps is another on a GPU
    assert plain.pop("memory").keys() == found.pop("memory").keys()
    assert {key: found[key] for key in plain} == plain
    assert [row for row in timed if row in rows] == rows
    assert all(row["forward_flops"] == 0 for row in timed if row not in rows)  # they take time
    assert found.keys() - plain.keys() == {"target", "traffic", "time"}
    assert found["target"]["name"] == "h200"
    assert found["traffic"]["bytes"] == eval(found["traffic"]["formula"], {}, found["dims"])
    time = found["time"]
    assert time["low"] == time["seconds"] < time["high"]
    assert (time["kind"], time["efficiency"], time["compiled"]) == ("roofline", None, True)
    paths = [each["path"] for each in time["by_module"]]
    assert paths[-1] == "optimizer"
    assert paths[:-1] == [each["path"] for each in timed]
    whole = [each for each in time["by_module"] if " / " not in each["path"]]
    assert sum(each["seconds"] for each in whole) == pytest.approx(time["seconds"])


def test_csv_has_its_new_columns_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("gpt2", "--mode", "train", "--format", "csv", "--by", "module")
    plain = run(capsys, *words)[1].splitlines()[0].split(",")
    _, out, _ = run(capsys, *words, "--target", "h200")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == [*plain, "time_seconds", "bound"]
    assert rows[-1]["path"] == "optimizer"
    assert rows[-1]["params"] == ""
    assert {row["bound"] for row in rows} == {"compute", "memory"}


def test_a_sweep_has_the_time_at_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("llama-3-8b", "--mode", "decode", "--target", "h200", "--format")
    _, out, _ = run(capsys, *words, "csv", "--sweep", "T=1024..8192")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0])[-3:] == ["executed_flops", "traffic_bytes", "time_seconds"]
    for row in rows:
        _, out, _ = run(capsys, *words, "json", "--set", f"T={row['T']}")
        found = json.loads(out)
        assert float(row["time_seconds"]) == found["time"]["seconds"]
        assert int(row["traffic_bytes"]) == found["traffic"]["bytes"]
    _, out, _ = run(capsys, *words, "json", "--sweep", "T=1024..8192")
    points = json.loads(out)["points"]
    assert [point["time_seconds"] for point in points] == [float(r["time_seconds"]) for r in rows]


def test_a_sweep_over_a_width_has_times(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("gpt2", "--target", "h200", "--format", "csv", "--sweep", "d=192..768")
    rows = list(csv.DictReader(io.StringIO(run(capsys, *words)[1])))
    times = [float(row["time_seconds"]) for row in rows]
    assert times == sorted(times)
    assert len(times) == 3


def test_fit_and_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("gpt2", "--mode", "train", "--dtype", "bf16", "--target", "h200", "--fit")
    words = (*words, "--tokens", "300e9", "--gpus", "8")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    at = lines.index("the largest B that fits at T = 1,024 is 226: it takes 139.67 GB")
    assert lines[at + 1 : at + 3] == [
        "the largest T that fits at B = 1 is 1,024: it takes 1.36 GB, the largest that the spec allows",
        "300,000,000,000 tokens on 8 GPUs: 36,621,094 steps of 2.21 ms, 22.5 h, 179.9 GPU-hours, 125.9 kWh",
    ]
    assert lines[at + 3 : at + 5] == [
        "a step is of 1,024 tokens on each GPU, for nobody set B = 1, T = 1,024",
        "at 40% MFU, which is an assumption: no efficiency was measured",
    ]
    assert at < lines.index("")  # what was asked stands above the table
    found = json.loads(run(capsys, *words, "--format", "json")[1])
    assert found["fit"] == {
        "reserve": 10**9,
        "largest": [
            {"dim": "B", "size": 226, "bytes": 139_670_942_208},
            {"dim": "T", "size": 1024, "bytes": 1_361_361_408},
        ],
    }
    assert found["run"]["steps"] == 36_621_094
    assert found["run"]["mfu_assumed"] is True


@pytest.mark.parametrize(
    ("words", "message", "help"),
    [
        ("--fit", "TS472]: `--fit` asks about a machine, and none is named", "--target h200"),
        ("--eager", "TS472]: `--eager` asks about a machine, and none is named", "--target h200"),
        ("--target=", "TS450]: there is no target ``", "known targets"),
        ("--target h20", "TS450]: there is no target `h20`", "did you mean `h200`?"),
        (
            "--target xyz",
            "TS450]: there is no target `xyz`",
            "known targets: cpu, h200, h100, a100, rtx4090, l4, auto, or a file: `mine.yaml`",
        ),
        (
            "--target h200 --mode decode --dtype mixed",
            "TS482]: decode does not run under autocast: its cache stays in fp32",
            "ask for `--dtype bf16`",
        ),
        (
            "--target h200 --mode prefill --dtype mixed",
            "TS482]: the time of prefill under autocast is not known yet",
            "ask for `--dtype bf16`",
        ),
        (
            "--target h200 --tokens 5",
            "TS473]: `--tokens` asks about training, and the mode is forward",
            "write `--mode train`",
        ),
        (
            "--target h200 --mode train --gpus 8",
            "TS473]: `--gpus` asks about a run, and none is given",
            "write `--tokens 300e9 --gpus 8`",
        ),
        (
            "--target h200 --mode train --tokens 5 --samples 5",
            "TS473]: a run is counted in tokens or in samples, and both are given",
            "leave one of them out",
        ),
        (
            "--target h200 --fit --sweep T=1..8",
            "TS473]: a sweep has no place for `--fit`",
            "leave one of them out",
        ),
        (
            "--target h200 --fit --format csv",
            "TS473]: `--fit` is told in text and in JSON, not in csv",
            "write `--format json`",
        ),
    ],
)
def test_what_is_refused(
    capsys: pytest.CaptureFixture[str], words: str, message: str, help: str
) -> None:
    code, out, err = run(capsys, "gpt2", *words.split())
    assert (code, out) == (2, "")
    assert message in err.splitlines()[0]
    assert help in err


@pytest.mark.parametrize("text", ["0", "-8", "1.5", "x", "nan", "inf", "1e30", "1_000", "٣", ""])
def test_numbers_that_no_run_has(capsys: pytest.CaptureFixture[str], text: str) -> None:
    words = ("gpt2", "--mode", "train", "--target", "h200", "--tokens")
    for more in ([text], ["5", "--gpus", text]):
        code, out, err = run(capsys, *words, *more)
        assert (code, out) == (2, "")
        assert "takes a whole number from 1 to" in err.splitlines()[0]


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (0.0, "0.00 ns"),
        (3.2e-10, "0.32 ns"),
        (1e-6, "1.00 µs"),
        (9.994e-4, "999 µs"),
        (0.0123, "12.3 ms"),
        (1.0, "1.00 s"),
        (119.0, "119 s"),
        (120.0, "2.00 min"),
        (7200.0, "2.00 h"),
        (86400.0 * 400, "400 days"),
    ],
)
def test_seconds_in_words(time: float, said: str) -> None:
    assert seconds(time) == said


def test_a_reserve_that_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = tmp_path / "small.yaml"
    rates = "tflops: {fp32: 1}\nbandwidth_gb_per_s: 100\nmemory_gb: 1\n"
    small.write_text(f"name: small\nkind: cuda\n{rates}", "utf-8")
    _, out, _ = run(capsys, "gpt2", "--target", str(small))
    assert out.splitlines()[1] == (
        "does not fit: 709.90 MB of 0 GB on small (1 of 1 GB are reserved), fullest in the "
        "forward, mm"
    )


@pytest.mark.parametrize(("dtype", "said"), [("fp32", True), ("bf16", False)])
def test_attention_that_no_kernel_fuses_is_said(
    capsys: pytest.CaptureFixture[str], dtype: str, said: bool
) -> None:
    """torch has none for grouped heads in fp32: scores are written and kept."""
    _, out, _ = run(capsys, "llama-3-8b", "--dtype", dtype, "--target", "h200")
    assert ("torch has no fused kernel there for this attention in fp32" in out) is said


def test_footers_on_the_loss_agree(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "gpt2", "--mode", "train", "--target", "h200")
    said = [line for line in out.splitlines() if "loss" in line and line.endswith(".")]
    assert said == [
        "Activations are what autograd keeps of an eager forward on an NVIDIA H200, before the loss.",
        "`build --loss`, is not counted.",
        "Times and traffic leave the loss out; the optimizer runs in one kernel.",
    ]


def test_a_file_of_efficiencies_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A spec of a near name is not guessed; a file that ends alike is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "missing.yaml").touch()
    words = ("gpt2", "--target", "h200", "--efficiency")
    _, _, err = run(capsys, *words, "missing")
    made = "  = help: `benchmarks/gpu.py time` writes such a table"
    assert err.splitlines() == ["error[TS001]: there is no file `missing`", " --> missing", made]
    (tmp_path / "h200.json").touch()
    _, _, err = run(capsys, *words, "h20.json")
    assert err.splitlines()[2:] == ["  = help: did you mean `h200.json`?", made]
