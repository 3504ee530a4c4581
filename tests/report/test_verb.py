"""`tfspec report`: where the page goes, calls that are wrong, and files that stay whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import tfspec
from tests.report.pages import html
from tfspec.cli import main

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A call in an empty folder: its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run_here(*argv: str) -> tuple[int, str, str]:
        code = main(["report", *argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_here


def test_the_page_goes_to_a_file_or_to_stdout(run: Run) -> None:
    assert run("gpt2", "-o", "a.html") == (0, "", "wrote a.html\n")
    assert Path("a.html").read_text(encoding="utf-8") == html("gpt2")
    for argv in (["gpt2"], ["gpt2", "-o", "-"]):
        code, out, err = run(*argv)
        assert (code, out.rstrip(), err) == (0, html("gpt2").rstrip(), "")


def test_the_options_are_those_of_cost(run: Run) -> None:
    code, out, _ = run("gpt2", "--set", "B=8,T=512", "--mode", "train", "--dtype", "bf16")
    assert code == 0
    words = tfspec.cost("gpt2", {"B": 8, "T": 512}, mode="train", dtype="bf16")
    assert f"{words.number(words.flops) / 10**12:.2f} T" in out
    assert "[8, 512, 768]" in out
    assert "train, bf16" in out
    code, out, _ = run("gpt2", "--target", "h200", "--eager")
    assert code == 0
    assert "run line by line" in out


WRONG = [
    (
        ["gpt2", "-o", "a.pdf"],
        "error[TS494]: the output `a.pdf` does not end in .html\n"
        "  = help: name a page: `-o report.html`\n"
        "  = help: a browser prints it as a PDF\n",
    ),
    (
        ["gpt2", "-o", "a"],
        "error[TS494]: the output `a` does not end in .html\n"
        "  = help: name a page: `-o report.html`\n"
        "  = help: a browser prints it as a PDF\n",
    ),
    (
        ["gpt2", "-o", "missing/a.html"],
        "error[TS422]: there is no folder `missing`\n  = help: make it first\n",
    ),
    (
        ["gpt2", "--target", "h20"],
        "error[TS450]: there is no target `h20`\n  = help: did you mean `h200`?\n"
        "  = help: known targets: cpu, h200, h100, a100, rtx4090, l4, auto, or a file: `mine.yaml`\n",
    ),
    (
        ["gpt2", "--target", "cpu"],
        "error[TS480]: the target `cpu` has no rates: no two machines of the kind are alike\n"
        "  = help: write a sheet of your own: `tfspec list --targets` shows the form\n",
    ),
    (
        ["gpt2", "--efficiency", "a.json"],
        "error[TS472]: `--efficiency` asks about a machine, and none is named\n"
        "  = help: name one: `--target h200`\n",
    ),
    (
        ["gpt2", "--mode", "prefil"],
        "error[TS420]: unknown mode `prefil`\n  = help: did you mean `prefill`?\n"
        "  = help: one of: forward, train, prefill, decode\n",
    ),
    (
        ["vit-b16", "--mode", "decode"],
        "error[TS451]: vit-b16 reads no text, and cannot decode\n  = help: leave `--mode` out\n",
    ),
    (
        ["gpt2", "--mode", "decode", "--dtype", "mixed", "--target", "h200"],
        "error[TS482]: decode does not run under autocast: its cache stays in fp32\n"
        "  = help: ask for `--dtype bf16`\n",
    ),
]


@pytest.mark.parametrize(("argv", "said"), WRONG, ids=[" ".join(argv) for argv, _ in WRONG])
def test_a_wrong_call_says_what_helps(run: Run, argv: list[str], said: str) -> None:
    assert run(*argv) == (2, "", said)
    assert list(Path.cwd().iterdir()) == []


def test_a_wrong_spec_leaves_the_old_file(run: Run) -> None:
    Path("bad.yaml").write_text("tfspec: 1\nname: bad\n")
    Path("a.html").write_text("old")
    code, out, err = run("bad.yaml", "-o", "a.html")
    assert (code, out) == (1, "")
    assert err.startswith("error[TS")
    assert Path("a.html").read_text() == "old"


def test_the_spec_itself_is_never_written(run: Run) -> None:
    shutil.copy(ROOT / "specs" / "gpt2.yaml", "gpt2.html")
    before = Path("gpt2.html").read_bytes()
    said = "error[TS423]: the output `gpt2.html` is the spec itself\n  = help: name another file\n"
    assert run("./gpt2.html", "-o", "gpt2.html") == (2, "", said)
    assert Path("gpt2.html").read_bytes() == before


def test_in_python_it_saves_and_shows_itself(tmp_path: Path) -> None:
    report = tfspec.report("gpt2", {"T": 64}, mode="prefill")
    report.save(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == report.html()
    assert repr(report) == "<Report 'gpt2', prefill: 124,439,808 parameters>"
    assert report._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    with pytest.raises(ValueError, match=r"a report is an \.html file, and `a\.pdf` is none"):
        report.save("a.pdf")
    for wrong in ({"mode": "decod"}, {"dtype": "fp8"}):
        with pytest.raises(ValueError, match="unknown"):
            tfspec.report("gpt2", **wrong)
    with pytest.raises(tfspec.SpecError, match="there is no target `h20`"):
        tfspec.report("gpt2", target="h20")
