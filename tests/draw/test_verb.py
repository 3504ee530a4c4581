"""`tfspec draw`: formats by the ending, calls that are wrong, and files that stay whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

import tfspec
from tests.draw.test_ops import with_dot
from tfspec.cli import main
from tfspec.cli.verbs import draw as verb
from tfspec.passes.draw import render
from tfspec.passes.draw.draw import Drawing

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A call in an empty folder: its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run_here(*argv: str) -> tuple[int, str, str]:
        code = main(["draw", *argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_here


@pytest.mark.parametrize("ending", ["svg", "dot", "mmd", "SVG"])
def test_the_format_is_the_ending(run: Run, ending: str) -> None:
    assert run("gpt2", "-o", f"a.{ending}") == (0, "", f"wrote a.{ending}\n")
    made = tfspec.load("gpt2").draw().format(ending.lower())
    assert Path(f"a.{ending}").read_text() == made


def test_without_a_file_it_is_drawn_in_the_terminal(run: Run) -> None:
    text = tfspec.load("gpt2").draw(direction="down").text()
    assert run("gpt2") == run("gpt2", "-o", "-") == (0, text + "\n", "")
    code, out, _ = run("gpt2", "--direction", "up", "--set", "T=8")
    assert code == 0
    assert out.splitlines()[0].strip() == "logits"
    assert "[B, 8, 768]" in out


def test_what_does_not_fit_is_said(run: Run) -> None:
    assert run("t5-base", "--width", "column", "-o", "a.svg") == (0, "", "wrote a.svg\n")
    names = ", ".join(f"x{at}: float B (8)" for at in range(12))
    parts = ", ".join(f"[x{at}, {{linear: 8}}, norm]" for at in range(12))
    text = f"tfspec: 1\nname: wide\ndims: {{B: batch}}\ninputs: {{{names}}}\n"
    Path("wide.yaml").write_text(f"{text}streams: {{y: [{{sum: [{parts}]}}]}}\noutputs: {{y: y}}\n")
    said = (
        "this figure is 340 × 75 mm: in {} mm its text would have less than {} points; "
        "`--open BLOCK` draws less\n"
    )
    for width, room, least in (("column", "85 × 240", 5), ("page", "180 × 240", 7)):
        wrote = run("wide.yaml", "--width", width, "-o", "a.svg")
        assert wrote == (0, "", f"wrote a.svg\n{said.format(room, least)}")
    assert run("wide.yaml", "-o", "a.dot") == (0, "", "wrote a.dot\n")


def test_a_tangle_is_said_and_sent_to_graphviz(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "lines of this figure cross"
    way_out = f"{said}: `-o FILE.dot` lets Graphviz lay it out\n"
    assert run("mixtral-8x7b")[2] == ""
    monkeypatch.setattr(Drawing, "tangled", True)
    assert run("mixtral-8x7b", "--open", "mlp")[2] == way_out
    assert run("mixtral-8x7b", "-o", "a.svg")[2] == f"wrote a.svg\n{way_out}"
    assert run("mixtral-8x7b", "-o", "a.dot")[2] == "wrote a.dot\n"
    assert run("mixtral-8x7b", "-o", "a.mmd")[2] == "wrote a.mmd\n"


@with_dot
def test_lines_that_graphviz_crosses_are_said(run: Run) -> None:
    ops = ("--level", "ops", "-o", "a.svg")
    assert run("mixtral-8x7b", "--open", "mlp", *ops)[2] == "wrote a.svg\n"
    assert run("deepseek-v3", "--open", "dense", *ops)[2].startswith(
        "wrote a.svg\nlines of this figure cross\n"
    )


WRONG = [
    (
        ["gpt2", "-o", "a.jpg"],
        "error[TS491]: the output `a.jpg` has no ending that is a format\n"
        "  = help: did you mean `.png`?\n  = help: formats: .svg, .png, .pdf, .dot, .mmd\n",
    ),
    (
        ["gpt2", "-o", "figure"],
        "error[TS491]: the output `figure` has no ending that is a format\n"
        "  = help: formats: .svg, .png, .pdf, .dot, .mmd\n",
    ),
    (
        ["gpt2", "--theme", "drak"],
        "error[TS420]: unknown theme `drak`\n  = help: did you mean `dark`?\n"
        "  = help: one of: light, dark, print\n",
    ),
    (
        ["gpt2", "--level", "op"],
        "error[TS420]: unknown level `op`\n  = help: did you mean `ops`?\n"
        "  = help: one of: blocks, ops\n",
    ),
    (
        ["gpt2", "--cost", "time"],
        "error[TS420]: unknown cost `time`\n  = help: one of: none, flops, params, memory\n",
    ),
    (
        ["gpt2", "--direction", "left"],
        "error[TS420]: unknown direction `left`\n  = help: one of: up, down\n",
    ),
    (
        ["gpt2", "--open", "atention"],
        "error[TS490]: there is no block or module `atention` to open\n"
        "  = help: did you mean `attention`?\n",
    ),
    (
        ["gpt2", "--open", "zzz\x1b"],
        "error[TS490]: there is no block or module `zzz\\x1b` to open\n"
        "  = help: one of: layer, attention, mlp\n",
    ),
    (
        ["gpt2", "-o", "missing/a.svg"],
        "error[TS422]: there is no folder `missing`\n  = help: make it first\n",
    ),
    (["gpt2", "-o", "."], None),
]


@pytest.mark.parametrize(("argv", "said"), WRONG, ids=[" ".join(argv) for argv, _ in WRONG])
def test_a_wrong_call_says_what_helps(run: Run, argv: list[str], said: str | None) -> None:
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert said is None or err == said
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("ending", render.EXTRAS)
def test_a_missing_package_is_named_with_what_installs_it(
    run: Run, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "find_spec", lambda name: None)
    Path(f"a.{ending}").write_text("old")
    code, _, err = run("gpt2", "-o", f"a.{ending}")
    package, what = render.EXTRAS[ending]
    assert code == 2
    assert err == (
        f"error[TS492]: {what} needs the package `{package}`, and it is not installed\n"
        f"  = help: pip install 'tfspec[{ending}]'\n"
        "  = help: or write an .svg, which needs nothing\n"
    )
    assert Path(f"a.{ending}").read_text() == "old"


def test_a_missing_package_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(render.EXTRAS, "png", ("a_package_that_is_not_there", "PNG"))
    with pytest.raises(ImportError, match=r"pip install 'tfspec\[png\]'"):
        tfspec.load("gpt2").draw().png()


def test_the_spec_itself_is_never_written(run: Run) -> None:
    shutil.copy(ROOT / "specs" / "gpt2.yaml", "gpt2.svg")
    before = Path("gpt2.svg").read_bytes()
    code, _, err = run("./gpt2.svg", "-o", "gpt2.svg")
    assert (code, err) == (
        2,
        "error[TS423]: the output `gpt2.svg` is the spec itself\n  = help: name another file\n",
    )
    assert Path("gpt2.svg").read_bytes() == before


def test_a_wrong_spec_is_told_and_leaves_the_old_file(run: Run) -> None:
    Path("bad.yaml").write_text("tfspec: 1\nname: bad\n")
    Path("a.svg").write_text("old")
    code, _, err = run("bad.yaml", "-o", "a.svg")
    assert code == 1
    assert err.startswith("error[TS")
    assert Path("a.svg").read_text() == "old"


def test_save_takes_the_ending_and_refuses_others(tmp_path: Path) -> None:
    drawing = tfspec.draw("gpt2", {"T": 8}, theme="print")
    drawing.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == drawing.svg()
    with pytest.raises(ValueError, match=r"unknown format 'gif': it is one of svg, png, pdf"):
        drawing.save(tmp_path / "a.gif")
    for wrong in ({"theme": "drak"}, {"level": "op"}, {"direction": "left"}, {"cost": "time"}):
        with pytest.raises(ValueError, match="unknown"):
            tfspec.draw("gpt2", **wrong)
    with pytest.raises(tfspec.SpecError, match="no block or module `zzz`"):
        tfspec.load("gpt2").draw("zzz")


@pytest.mark.skipif(find_spec("resvg_py") is None, reason="the extra tfspec[png] is not installed")
def test_png_is_a_picture_of_the_size_that_was_asked_for(run: Run) -> None:
    assert run("gpt2", "-o", "a.png")[0] == 0
    data = Path("a.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    size = tfspec.load("gpt2").draw().size
    assert [width, height] == pytest.approx([side * 300 / 72 for side in size], abs=1)


@pytest.mark.skipif(
    find_spec("svg2pdf_py") is None, reason="the extra tfspec[pdf] is not installed"
)
def test_pdf_is_one_page_with_its_fonts(run: Run) -> None:
    assert run("gpt2", "-o", "a.pdf")[0] == 0
    data = Path("a.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    width, height = tfspec.load("gpt2").draw().size
    assert f"/MediaBox [0 0 {width} {height}]".encode() in data
    assert b"LiberationSans" in data
    assert b"/FontFile2" in data
