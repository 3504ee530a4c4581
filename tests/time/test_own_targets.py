"""Targets of the user's own: a good file, and every mistake in one with its whole message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfspec.cli import main
from tfspec.spec.sheets import SheetError
from tfspec.targets import Target, find
from tfspec.targets.custom import FORM

GOOD = """\
name: mine
kind: cuda
tflops: {fp32: 60, bf16: 400}
bandwidth_gb_per_s: 2000
memory_gb: 80
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def messages(folder: Path, text: str) -> list[str]:
    """Each message with its place and its help."""
    with pytest.raises(SheetError) as refused:
        find(write(folder, text))
    return [
        " | ".join((f"{each.code} {_place(each.span)} {each.message}", *each.help))
        for each in refused.value.diagnostics
    ]


def _place(span: object) -> str:
    return ":".join(str(span).rsplit(":", 2)[1:])


def test_a_good_file(tmp_path: Path) -> None:
    found = find(write(tmp_path, GOOD))
    assert found == Target(
        "mine", "mine", "cuda", ("sdpa",), {"fp32": 60.0, "bf16": 400.0}, 2000.0, 80.0
    )  # fmt: skip


def test_the_form_that_list_shows_is_a_good_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--targets"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {line}" in shown for line in FORM.splitlines())
    found = find(write(tmp_path, FORM))
    assert isinstance(found, Target)
    assert (found.about, found.power_watts) == ("an AMD MI300X", 750)


REAL = "write what was measured, or what the device's own documentation says"
MISSING = (
    "TS102 1:1 a target needs `memory_gb` | add a line `memory_gb: ...`; "
    "`tfspec list --targets` shows the form"
)
KEYS = "name, about, kind, tflops, bandwidth_gb_per_s, memory_gb, power_watts, kernels"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("fp32: 60", "fp32: 0", "TS191 3:16 `fp32` is more than 0, and 0 is not"),
        ("fp32: 60", "fp32: -3", "TS191 3:16 `fp32` is more than 0, and -3 is not"),
        ("fp32: 60", "fp32: .nan", "TS191 3:16 `fp32` is more than 0, and nan is not"),
        (
            "fp32: 60",
            "fp32: 1e9",
            "TS191 3:16 `fp32` is at most 100,000 TFLOP/s, and 1e+09 is not",
        ),
        ("fp32: 60", "fp32: fast", "TS103 3:16 `fp32` takes a number, not `fast`"),
        ("fp32: 60", "fp32: true", "TS103 3:16 `fp32` takes a number, not `true`"),
        (
            "fp32: 60",
            "int4: 60",
            "TS101 3:10 there is no dtype `int4` | one of: fp32, tf32, bf16, fp16, fp8",
        ),
        (
            "tflops: {fp32: 60, bf16: 400}",
            "tflops: 60",
            "TS103 3:9 `tflops` takes a mapping of dtypes to rates: `{fp32: 60, bf16: 400}`, "
            "not `60`",
        ),
        ("2000", ".inf", "TS191 4:21 `bandwidth_gb_per_s` is more than 0, and inf is not"),
        (
            "2000",
            "1e12",
            "TS191 4:21 `bandwidth_gb_per_s` is at most 1e+06 GB/s, and 1e+12 is not",
        ),
        ("memory_gb: 80\n", "", MISSING),
        (
            "memory_gb: 80",
            "memory_gb:",
            "TS103 5:1 `memory_gb` has no value | `none` unsets a knob",
        ),
        ("memory_gb", "memory", "TS101 5:1 a target has no `memory` | did you mean `memory_gb`?"),
        ("kind: cuda", "kind: cudo", "TS104 2:7 `kind` is `cuda` or `cpu`, not `cudo`"),
        ("name: mine", "heads: 3", f"TS101 1:1 a target has no `heads` | known: {KEYS}"),
        (
            "name: mine",
            'name: \'"""\'',
            'TS103 1:7 `"""` is not 1 to 60 letters, digits, spaces and . _ + - ( )',
        ),
    ],
)
def test_a_mistake(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    found = messages(tmp_path, GOOD.replace(old, new))
    helps = ("did you mean `cuda`?",) if "cudo" in expected else ()
    helps = (*helps, REAL) if "TS191" in expected else helps
    assert found[0] == " | ".join((expected, *helps))


def test_a_wrong_kernel(tmp_path: Path) -> None:
    (found,) = messages(tmp_path, f"{GOOD}kernels: [sdpa, flx]\n")
    assert found == "TS104 6:17 `kernels` is `sdpa` or `flex`, not `flx` | did you mean `flex`?"


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("60", "0").replace("400", "x").replace("2000", "-1").replace("cuda", "tpu")
    assert [each.split()[0] for each in messages(tmp_path, text)] == [
        "TS104", "TS191", "TS103", "TS191",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", f"TS006  the file is empty | a target is a mapping with {KEYS}"),
        (
            "- 1\n",
            "TS007 1:1 a target is a mapping of sections, and this is a list | "
            f"a target is a mapping with {KEYS}",
        ),
        ("{a: [}\n", "TS009 1:6 `}` closes nothing | leave it out"),
    ],
)
def test_what_is_no_mapping(tmp_path: Path, text: str, expected: str) -> None:
    assert messages(tmp_path, text) == [expected]


# ---- on the command line


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main([*words])
    return code, *capsys.readouterr()


def test_a_wrong_file_is_1_and_none_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("cost", "build"):
        code, out, err = run(capsys, verb, "gpt2", "--target", write(tmp_path, "name: x\n"))
        assert (code, out) == (1, "")
        assert err.count("error[TS102]") == 4
        code, out, err = run(capsys, verb, "gpt2", "--target", str(tmp_path / "mime.yaml"))
        assert (code, out) == (2, "")
        assert "error[TS001]: there is no file" in err
        assert "did you mean" in err


def test_build_and_cost_take_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, f"{GOOD}about: a machine of mine\n")
    code, out, _ = run(capsys, "build", "gpt2", "--target", path)
    assert code == 0
    assert "compiled as a whole for a machine of mine" in " ".join(out.split())
    code, out, _ = run(capsys, "cost", "gpt2", "--target", path, "--format", "json")
    assert code == 0
    assert json.loads(out)["target"]["bandwidth_gb_per_s"] == 2000


def test_a_dtype_that_the_sheet_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, GOOD)
    code, _, err = run(capsys, "cost", "gpt2", "--target", path, "--dtype", "fp16")
    assert code == 2
    assert err == (
        "error[TS480]: the target `mine` has no rate for fp16\n"
        "  = help: its rates: fp32, bf16\n"
        "  = help: write a sheet of your own: `tfspec list --targets` shows the form\n"
    )


def test_any_cpu_has_no_rates(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "cost", "gpt2", "--target", "cpu")
    assert code == 2
    assert err == (
        "error[TS480]: the target `cpu` has no rates: no two machines of the kind are alike\n"
        "  = help: write a sheet of your own: `tfspec list --targets` shows the form\n"
    )
