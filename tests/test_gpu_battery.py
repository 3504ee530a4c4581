"""The GPU battery, rehearsed on a CPU at tiny sizes, where neither tfspec nor pydantic is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[1]
GPU = ROOT / "benchmarks" / "gpu.py"
# None in sys.modules: an import fails, and nobody finds the package
ALONE = """
import json, runpy, sys
sys.modules["tfspec"] = sys.modules["pydantic"] = None
gpu, commands = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, gpu.rpartition("/")[0])
for command in commands:
    sys.argv, status = [gpu, *command], None
    try:
        runpy.run_path(gpu, run_name="__main__")
    except SystemExit as end:
        status = end.code
    print("status", status)
"""
TINY = ("--device", "cpu", "--tiny")
MODELS = ("gpt2", "vit-b16", "transformer-base")
PARTS = ("numerics", "speed", "rotary", "encoders", "flex", "flex-speed", "memory", "time")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def alone(folder: Path, *commands: tuple[str, ...]) -> tuple[list[str], str, str]:
    """Run gpu.py once a command, all in one process: statuses, and what was printed."""
    folders = ("--battery", f"{folder}/battery")
    measured = (*folders, "--results", f"{folder}/results")
    given = [[*each, *(folders if each[0] == "prepare" else measured)] for each in commands]
    done = run("-c", ALONE, GPU.as_posix(), json.dumps(given))
    statuses = [line[7:] for line in done.stdout.splitlines() if line.startswith("status ")]
    return statuses, done.stdout, done.stderr


@cache
def battery() -> dict[str, bytes]:
    """The files that `prepare` writes: the same for every test."""
    with TemporaryDirectory() as folder:
        done = run(str(GPU), "prepare", "--battery", folder)
        assert done.returncode == 0, done.stderr
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def prepared(folder: Path) -> dict[str, Any]:
    (folder / "battery").mkdir()
    for name, content in battery().items():
        (folder / "battery" / name).write_bytes(content)
    return json.loads(battery()["manifest.json"])


def rows(folder: Path, verb: str) -> list[dict[str, Any]]:
    lines = (folder / "results" / f"{verb}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def speed(model: str) -> tuple[str, ...]:
    only = f"{model}/tiny/bf16/forward"
    return ("speed", *TINY, "--eager", "--only", only, "--iterations", "2")


@pytest.mark.slow
def test_right_files_are_right_and_measured_once(tmp_path: Path) -> None:
    manifest = prepared(tmp_path)
    params = {name: sizes["full"]["params"] for name, sizes in manifest["models"].items()}
    assert params == {
        "gpt2": 124439808, "vit-b16": 86567656, "transformer-base": 63082496,
        "llama-3-8b": 4 * 218112000 + 2 * 32768 * 4096 + 4096, "swin-t": 28288354,
        "bert-base": 109482240,
    }  # fmt: skip

    numerics = ("numerics", *TINY, "--eager")
    statuses, _, errors = alone(tmp_path, numerics, speed("vit-b16"))
    assert statuses == ["0", "0"], errors
    found = rows(tmp_path, "numerics")
    assert {(row["name"], row["form"], row["dtype"]) for row in found} == {
        *((name, "counts", "") for name in MODELS),
        *((name, "eager", dtype) for name in MODELS for dtype in ("fp32", "bf16")),
        *((name, "styles", "fp32") for name in MODELS),
        *(("gpt2", "decode eager", dtype) for dtype in ("fp32", "bf16")),
    }
    assert all(row["ok"] for row in found)
    timed = rows(tmp_path, "speed")
    assert {row["peer"] for row in timed} >= {"transformers", "plain"}
    assert all(row["ms"] > 0 and row["ratio"] > 0 for row in timed)

    statuses, shown, errors = alone(tmp_path, (*numerics, "--only", "vit-b16"), speed("vit-b16"))
    assert (statuses, errors) == (["0", "0"], "")  # nothing ran, or it would say so
    assert "relative errors on cpu" in shown
    assert "times on cpu" in shown
    assert (rows(tmp_path, "numerics"), rows(tmp_path, "speed")) == (found, timed)


def test_a_wrong_file_fails_and_is_not_timed(tmp_path: Path) -> None:
    prepared(tmp_path)
    path = tmp_path / "battery" / "vit_b16_tiny_fast.py"
    right, old = path.read_text("utf-8"), "F.scaled_dot_product_attention(q, k, v"
    assert old in right
    path.write_text(right.replace(old, f"{old}, scale=0.34"), "utf-8")

    numerics = ("numerics", *TINY, "--only", "vit-b16/tiny/fp32/eager")
    statuses, _, errors = alone(tmp_path, numerics, speed("vit-b16"))
    assert statuses == ["1", "1"], errors
    outputs = rows(tmp_path, "numerics")[0]
    assert (outputs["what"], outputs["ok"]) == ("outputs", False)
    assert outputs["error"] > outputs["bound"]
    (refused,) = rows(tmp_path, "speed")
    assert refused["why"].startswith("Wrong: fp32 outputs differ by")
    assert "ms" not in refused


@pytest.mark.slow
def test_rotary_models_and_encoders_are_right_and_then_timed(tmp_path: Path) -> None:
    prepared(tmp_path)
    eager = (*TINY, "--eager", "--iterations", "2")
    statuses, _, errors = alone(tmp_path, ("rotary", *eager), ("encoders", *eager))
    assert statuses == ["0", "0"], errors
    for part, names in (("rotary", {"llama-3-8b"}), ("encoders", {"swin-t", "bert-base"})):
        found = rows(tmp_path, part)
        assert all(row["ok"] for row in found)
        checked = [row["name"] for row in found if "error" in row]
        timed = [row for row in found if "ms" in row]
        assert set(checked) == {row["name"] for row in timed} == names
        assert found.index(timed[0]) > len(checked), "numbers come first"
        assert {row["what"] for row in timed} >= {"forward, eager", "train, eager"}
        assert {(row["peer"], row["backend"]) for row in timed} == {("transformers", "eager")}


def flexed(*starts: str) -> list[tuple[str, ...]]:
    return [("flex", *TINY, "--only", start) for start in starts]


def edited(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / "battery" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.mark.slow
def test_flex_attention_is_held_against_sdpa(tmp_path: Path) -> None:
    prepared(tmp_path)
    commands = flexed("blind", "everything", "rel-bias/tiny/fp32", "sliding/tiny/fp32")
    statuses, _, errors = alone(tmp_path, *commands)
    assert statuses == ["0"] * 4, errors
    found = rows(tmp_path, "flex")
    flex = [row for row in found if row["form"] == "flex eager"]
    assert {row["dtype"] for row in flex} == {"fp32", "bf16"}
    assert {row["form"] for row in found} == {"flex eager", "sdpa eager", "lengths"}
    assert all(row["note"].startswith("on a CPU FlexAttention runs eagerly") for row in found)
    zero = [row["what"] for row in flex if row.get("bound") == 0]
    assert zero == 2 * ["outputs that see nothing", "gradients of what nothing sees"]
    gradients = [row for row in flex if row["what"] == "worst gradient"]
    assert len(gradients) == len({row["job"] for row in flex})
    counted = [(row["what"], row["found"]) for row in found if "found" in row]
    assert counted == [("graphs of 2 lengths, forward", 2), ("graphs of 4 lengths, forward", 2)]

    statuses, _, errors = alone(tmp_path, *commands)
    assert (statuses, errors) == (["0"] * 4, ""), "nothing is measured twice"
    assert rows(tmp_path, "flex") == found


def test_wrong_masks_are_seen(tmp_path: Path) -> None:
    prepared(tmp_path)
    edited(tmp_path, "flex_rotary_tiny.py", "(k <= q)", "(k < q)")
    edited(tmp_path, "flex_blind_tiny.py", "valid[batch, k]", "(valid[batch, k] | (q == k))")
    edited(tmp_path, "flex_softcap_tiny.py", "capped(2.0)", "capped(2.01)")
    starts = ("rotary/tiny/fp32/flex", "blind/tiny/bf16/flex", "softcap/tiny/fp32/flex")
    statuses, _, errors = alone(tmp_path, *flexed(*starts))
    assert statuses == ["1"] * 3, errors
    found = rows(tmp_path, "flex")
    assert not any(row["ok"] for row in found), [row["what"] for row in found if row["ok"]]

    timed = ("flex-speed", *TINY, "--iterations", "2", "--only", "rotary/tiny/bf16/forward")
    (status,), _, errors = alone(tmp_path, timed)
    (refused,) = rows(tmp_path, "flex-speed")
    assert (status, refused["ok"]) == ("1", False), errors
    assert refused["why"].startswith("Wrong: fp32 outputs differ by")


@pytest.mark.slow
def test_graphs_that_lengths_cost_are_counted(tmp_path: Path) -> None:
    """A file that treats odd lengths apart is right at each, and has a graph more."""
    prepared(tmp_path)
    apart = "if x.shape[1] % 2:\n            x = x + 0\n        T = x.shape[1]\n"
    edited(tmp_path, "flex_sliding_tiny.py", "T = x.shape[1]\n", apart)
    (status,), _, errors = alone(tmp_path, *flexed("sliding/tiny/fp32/lengths"))
    assert status == "1", errors
    wrong = [(row["what"], row["found"]) for row in rows(tmp_path, "flex") if not row["ok"]]
    assert wrong == [("graphs of 4 lengths, forward", 3)]


@pytest.mark.slow
def test_times_of_flex_attention(tmp_path: Path) -> None:
    prepared(tmp_path)
    timed = ("flex-speed", *TINY, "--iterations", "2", "--only")
    starts = ("near/tiny/bf16/train", "bert-base/tiny/bf16/forward")
    statuses, _, errors = alone(tmp_path, *((*timed, start) for start in starts))
    assert statuses == ["0", "0"], errors
    for row in rows(tmp_path, "flex-speed"):
        assert (row["peer"], row["backend"], row["ok"]) == ("sdpa", "eager", True)
        assert row["ratio"] > 0
        assert "eagerly" in row["note"]


def test_a_lost_device_ends_the_process_and_the_next_goes_on(tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from gpu_rows import Job, Journal, run
def lost():
    raise RuntimeError("CUDA error: an illegal memory access was encountered")
jobs = [Job(name, {}, job) for name, job in
        (("first", lost), ("second", lambda: [{"what": "x", "ok": True}]))]
common = {"files": "", "device": "", "torch": ""}
print(run(jobs, Journal(Path(sys.argv[2]), common), 1))
"""
    command = ("-c", script, str(GPU.parent), str(tmp_path / "rows.jsonl"))
    first, second = run(*command), run(*command)
    assert first.stdout == "3\n", "the second job is left"
    assert second.stdout == "1\n", "it runs, and the first stays wrong"
    assert "second: ok" in second.stderr


def test_a_gradient_that_the_reference_loses_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(GPU.parent))
    from gpu_compare import Answer, Standard, differences, lost_weights

    def answer(large: float, small: float) -> Any:
        return Answer(
            (torch.ones(3),), {"large": torch.tensor(large), "small": torch.tensor(small)}
        )

    truth, reference = answer(1.0, 0.01), answer(1.001, 0.02)
    lost = lost_weights(reference, truth)
    assert lost == {"small"}
    standard = Standard(truth, "bf16", differences(reference, truth, lost)[0], lost)
    worst = {large: standard.verdicts(answer(large, 0.02))[-1] for large in (1.002, 1.01)}
    assert [row["where"] for row in worst.values()] == ["large", "large"]
    assert [row["ok"] for row in worst.values()] == [True, False]
    assert all(row["left_out"] == ["small"] for row in worst.values())


def test_parts_are_named_where_one_looks() -> None:
    shown = run(str(GPU), "--help").stdout
    page = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    for part in ("prepare", *PARTS, "judge", "show"):
        assert part in shown.split()
        assert re.search(rf"gpu\.py {part}\s", page)
        assert "--battery" in run(str(GPU), part, "--help").stdout or part in ("judge", "show")


def test_a_folder_that_was_not_carried_along_is_missed(tmp_path: Path) -> None:
    (status,), _, _ = alone(tmp_path, ("numerics", *TINY))
    message = "manifest.json is missing: run `gpu.py prepare` where tfspec is, and carry it"
    assert status.endswith(message)


def test_the_blocker_blocks(tmp_path: Path) -> None:
    statuses, _, errors = alone(tmp_path, ("prepare",))
    assert statuses == []
    assert "import of tfspec halted" in errors
