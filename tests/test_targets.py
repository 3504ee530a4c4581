"""Targets: their data sheets, what `auto` is, and what files emitted for them say of themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bundled import small
from tfspec import api
from tfspec.cli import main
from tfspec.targets import auto, find, names, sheets

GPUS = [name for name, sheet in sheets().items() if sheet.kind == "cuda"]


def test_every_target_of_the_issue_has_a_sheet() -> None:
    assert set(names()) == {"cpu", "h200", "h100", "a100", "l4", "rtx4090", "auto"}
    assert names()[0] == "cpu"


@pytest.mark.parametrize("name", GPUS)
def test_a_sheet_of_a_gpu_is_whole(name: str) -> None:
    sheet = sheets()[name]
    assert sheet.name == name
    assert {"fp32", "tf32", "bf16", "fp16"} <= set(sheet.tflops)
    assert ("fp8" in sheet.tflops) == (name != "a100")
    assert None not in (sheet.bandwidth_gb_per_s, sheet.memory_gb, sheet.power_watts)
    assert sheet.devices
    assert all(source.title and source.url.startswith("https://") for source in sheet.sources)
    assert sheet.sources
    assert not sheet.measured
    json.dumps(sheet.as_json())


@pytest.mark.parametrize("name", GPUS)
def test_rates_are_dense(name: str) -> None:
    """What vendors print is with sparsity, twice as much: bf16 is twice tf32, fp8 twice bf16."""
    rates = sheets()[name].tflops
    assert rates["bf16"] == rates["fp16"] == pytest.approx(2 * rates["tf32"], rel=0.02)
    assert rates.get("fp8", 2 * rates["bf16"]) == pytest.approx(2 * rates["bf16"], rel=0.01)
    most = {"h200": 990, "h100": 990, "a100": 312, "l4": 121, "rtx4090": 166}
    assert rates["bf16"] <= most[name]


# ---- auto


def machine(monkeypatch: pytest.MonkeyPatch, *gpus: str, why: str = "") -> None:
    """As if the driver saw these GPUs, and torch could use them unless `why`."""
    done = SimpleNamespace(returncode=0, stdout="".join(f"{gpu}\n" for gpu in gpus))
    monkeypatch.setattr(auto, "why_no_gpu", lambda: why)
    monkeypatch.setattr(auto.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(auto.subprocess, "run", lambda *args, **options: done)


@pytest.mark.parametrize(
    ("gpus", "why", "name", "because"),
    [
        (("NVIDIA H200",), "", "h200", "found NVIDIA H200"),
        (("NVIDIA H100 80GB HBM3",) * 8, "", "h100", "found NVIDIA H100 80GB HBM3"),
        (("NVIDIA A100-SXM4-80GB",), "", "a100", "found NVIDIA A100-SXM4-80GB"),
        (("A100-SXM4-80GB",), "", "a100", "found NVIDIA A100-SXM4-80GB"),  # as old drivers say
        (("NVIDIA L4", "NVIDIA GeForce RTX 4090"), "", "rtx4090", "found NVIDIA GeForce RTX 4090"),
        (("NVIDIA L40S",), "", "cpu", "no data sheet of NVIDIA L40S"),
        ((), "", "cpu", "found no NVIDIA GPU"),
        (("NVIDIA H200",), "torch is not installed", "cpu", "torch is not installed"),
    ],
)
def test_auto_is_the_fastest_device_here(
    gpus: tuple[str, ...], why: str, name: str, because: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, *gpus, why=why)
    here = auto.chosen(sheets())
    assert (here.target.name, here.why) == (name, because)
    assert find("auto") is sheets()[name]


def test_hidden_gpus_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert auto.why_no_gpu() == "CUDA_VISIBLE_DEVICES hides every GPU"


@pytest.mark.parametrize(
    ("cuda", "why"), [("None", "this torch is built without CUDA"), ("'13.0'", "")]
)
def test_a_torch_without_cuda_is_seen_unimported(
    cuda: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "version.py").write_text(f"cuda: Optional[str] = {cuda}\nhip: X = None\n")
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(auto, "find_spec", lambda name: found)
    assert auto.why_no_gpu() == why


def test_a_driver_that_fails_has_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "NVIDIA H200")
    monkeypatch.setattr(
        auto.subprocess, "run", lambda *a, **o: SimpleNamespace(returncode=9, stdout="Failed\n")
    )
    assert auto.devices() == set()


# ---- the command line


def test_auto_says_what_it_chose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(monkeypatch, "NVIDIA L4")
    assert main(["build", "vit-b16", "--target", "auto"]) == 0
    out, err = capsys.readouterr()
    assert err == "target: l4 (found NVIDIA L4)\n"
    assert out == api.emit("vit-b16", target="l4")


def test_targets_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(monkeypatch, "NVIDIA H200")
    assert main(["list", "--targets", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [sheet["name"] for sheet in said["targets"]] == list(sheets())
    assert said["auto"] == {"name": "h200", "why": "found NVIDIA H200"}
    assert main(["list", "--targets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cpu      any CPU"
    assert "fp8 1979; not measured" in lines[1]
    assert "auto     here: h200 (found NVIDIA H200)" in lines


# ---- what a file says of itself


@pytest.mark.parametrize("name", list(sheets()))
def test_a_file_names_its_target(name: str) -> None:
    code, about = small("gpt2").emit(target=name), sheets()[name].about
    said = " ".join(code.partition("import")[0].split())
    assert f" for {about}: " in said
    assert f'"""The model, compiled as a whole for {about}."""' in code


@pytest.mark.parametrize("parts", [(), ("generate",)])
def test_a_file_for_a_gpu_runs_where_there_is_none(parts: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(small("gpt2").emit(target="h200", parts=parts), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False, timeout=300,
        env={"CUDA_VISIBLE_DEVICES": "", "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first == "There is no GPU here: this runs on the CPU, and is not compiled."
    assert "parameters" in done.stdout
