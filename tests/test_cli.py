"""The command line's contract: streams, exit codes, outputs, and ends that are quiet."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tfspec.cli import console, main, output, sets
from tfspec.cli import verb as verbs
from tfspec.cli.failure import Failure
from tfspec.cli.verbs import check

ROOT = Path(__file__).parents[1]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line run in this process: its exit code, stdout and stderr."""

    def run_here(*argv: str) -> tuple[int, str, str]:
        code = main(argv)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_here


def process(*argv: str, **how: object) -> subprocess.CompletedProcess[str]:
    """A command line run as users run it."""
    command = [sys.executable, "-m", "tfspec", *argv]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, **how)


WRONG_CALLS = [
    (["chekc"], "error[TS420]: unknown verb `chekc`\n  = help: did you mean `check`?\n"),
    (
        ["zzz"],
        "error[TS420]: unknown verb `zzz`\n"
        "  = help: one of: build, check, cost, diff, draw, explain, list, report, schema, shapes, show\n",
    ),
    (
        ["--format", "check"],
        "error[TS420]: the verb comes first, before `--format`\n"
        "  = help: usage: tfspec VERB SPEC [options]; `tfspec --help` has the verbs\n",
    ),
    (
        ["check"],
        "error[TS420]: the following arguments are required: SPEC\n"
        "  = help: `tfspec check --help` says what it takes\n",
    ),
    (
        ["check", "gpt2", "--fromat=json"],
        "error[TS420]: unknown option `--fromat`\n  = help: did you mean `--format`?\n",
    ),
    (
        ["check", "gpt2", "--format", "jsno"],
        "error[TS420]: unknown format `jsno`\n  = help: did you mean `json`?\n"
        "  = help: one of: text, json, github\n",
    ),
    (
        ["shapes", "gpt2", "vit-b16"],
        "error[TS420]: `vit-b16` is one argument too many\n"
        "  = help: `tfspec shapes --help` says what it takes\n",
    ),
    (
        ["shapes", "gpt2", "--mode", "train"],
        "error[TS420]: unknown mode `train`\n  = help: one of: forward, prefill, decode\n",
    ),
    (
        ["check", "gpt2", "--set", "T:5"],
        "error[TS421]: `T:5` is not a setting of a dim\n"
        "  = help: write NAME=SIZE, several with commas: `--set T=1024,L=2`\n",
    ),
    (
        ["check", "gpt2", "--set", "T=1,,d=2"],
        "error[TS421]: `` is not a setting of a dim\n"
        "  = help: write NAME=SIZE, several with commas: `--set T=1024,L=2`\n",
    ),
    (
        ["check", "gpt2", "--set", "T=1", "--set", "T=2"],
        "error[TS421]: `T` is set twice\n  = help: set each dim once\n",
    ),
    (
        ["explain", "zzz"],
        "error[TS420]: unknown code `zzz`\n  = help: `tfspec explain` lists every code\n",
    ),
    (
        ["show\x1b[31m[red]\n\u202e"],
        "error[TS420]: unknown verb `show\\x1b[31m[red]\\n\\u202e`\n"
        "  = help: one of: build, check, cost, diff, draw, explain, list, report, schema, shapes, show\n",
    ),
]


@pytest.mark.parametrize(("argv", "message"), WRONG_CALLS, ids=lambda each: " ".join(each)[:30])
def test_a_wrong_call_says_what_helps_and_exits_2(run: Run, argv: list[str], message: str) -> None:
    assert run(*argv) == (2, "", message)


def test_help_and_version_go_to_stdout(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert out.startswith("tfspec: from a YAML spec")
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == [
        *("check", "shapes", "cost", "draw", "build", "report"),
        *("diff", "list", "show", "schema", "explain"),
    ]
    assert run("--version") == (0, "tfspec 0.1.0\n", "")
    assert run()[0] == 2


@pytest.mark.parametrize("name", verbs.names())
def test_every_verb_has_help_with_examples(run: Run, name: str) -> None:
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert f"usage: tfspec {name}" in out
    assert f"examples:\n  tfspec {name}" in out


def test_set_takes_what_dims_take() -> None:
    text = "T=1024, d = 2 * h,S=1..64,H=multiple(32),B=batch,n=-3,x=" + "9" * 19
    assert dict(sets.parse(text)) == {
        "T": 1024,
        "d": "2 * h",
        "S": "1..64",
        "H": "multiple(32)",
        "B": "batch",
        "n": -3,
        "x": "9" * 19,
    }


def test_explain_tells_the_story(run: Run) -> None:
    code, out, err = run("explain", "ts421")
    assert (code, err) == (0, "")
    assert out == (
        "TS421: a `--set` that cannot be read\n\n"
        "`--set` takes NAME=SIZE, several with commas: a number, or what `dims` takes.\n\n"
        "Why: A size that is taken for another one gives answers about another model.\n\n"
        "For example:\n    tfspec check gpt2 --set T:1024\n\n"
        "To mend it: Write `--set T=1024`, `--set T=1024,L=2` or `--set T=1..64`; quote\n"
        "spaces and brackets.\n"
    )


def test_every_code_is_listed_once(run: Run) -> None:
    codes = [line.split()[0] for line in run("explain")[1].splitlines()]
    assert {"TS001", "TS420", "TS421", "TS422", "TS423", "TS424"} <= set(codes)
    assert codes == sorted(set(codes))
    listed = json.loads(run("explain", "--format", "json")[1])["rules"]
    assert [rule["code"] for rule in listed] == codes


# Checks


def test_check_says_ok_in_one_line(run: Run) -> None:
    assert run("check", "gpt2", "vit-b16.yaml") == (
        0,
        "ok  gpt2: 124,439,808 parameters, tokens [B, T] -> logits [B, T, V]\n"
        "ok  vit-b16: 86,567,656 parameters, pixels [B, C, H, W] -> logits [B, classes]\n",
        "",
    )


@pytest.fixture
def bad_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with one mistake: 10 heads on a width of 768."""
    monkeypatch.chdir(tmp_path)
    good = (ROOT / "specs" / "gpt2.yaml").read_text()
    Path("bad.yaml").write_text(good.replace("h: 12", "h: 10"))
    return "bad.yaml"


def test_check_goes_on_after_a_bad_spec(run: Run, bad_spec: str) -> None:
    code, out, err = run("check", bad_spec, "gpt2")
    assert (code, out.splitlines()[0][:9]) == (1, "ok  gpt2:")
    assert err.startswith("error[TS201]: width 768 cannot be split into 10 heads\n  --> bad.yaml:")


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (
            ["check", "gpt-2"],
            2,
            "error[TS118]: there is no file `gpt-2`, nor a bundled spec of that name\n"
            "  = help: did you mean `gpt2`?\n",
        ),
        (
            ["shapes", "gpt2", "--set", "TT=4"],
            2,
            "error[TS410]: there is no dim `TT` to set\n  = help: did you mean `T`?\n",
        ),
        (["show", "."], 2, "error[TS002]: `.` is a folder, not a file\n --> .\n"),
        (
            ["build", "gpt2", "--target", "cpuu"],
            2,
            "error[TS450]: there is no target `cpuu`\n  = help: did you mean `cpu`?\n"
            "  = help: known targets: cpu, h200, h100, a100, rtx4090, l4, auto, or a file: `mine.yaml`\n",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_cannot_be_read_or_set_exits_2(
    run: Run, argv: list[str], code: int, message: str
) -> None:
    assert run(*argv) == (code, "", message)


def test_json_of_a_check_is_stable(run: Run, bad_spec: str) -> None:
    code, out, err = run("check", bad_spec, "gpt2", "--format", "json")
    assert (code, err) == (1, "")
    answer = json.loads(out)
    assert list(answer) == ["specs"]
    bad, good = answer["specs"]
    assert good == {"path": "gpt2", "ok": True, "params": 124439808, "diagnostics": []}
    assert (bad["path"], bad["ok"], bad["params"]) == ("bad.yaml", False, None)
    (diagnostic,) = bad["diagnostics"]
    assert list(diagnostic) == [
        *("code", "severity", "message", "file", "line", "column", "end_line", "end_column"),
        *("notes", "help"),
    ]
    assert (diagnostic["code"], diagnostic["line"], diagnostic["column"]) == ("TS201", 11, 25)


def test_github_lines_of_a_check(run: Run, bad_spec: str) -> None:
    code, out, err = run("check", bad_spec, "--format", "github")
    assert (code, err) == (1, "")
    assert out.startswith(
        "::error title=TS201,file=bad.yaml,line=11,endLine=11,col=25,endColumn=25::"
    )
    assert len(out.splitlines()) == 1


def test_show_prints_the_text_of_good_and_bad_specs(run: Run, bad_spec: str) -> None:
    assert run("show", bad_spec) == (0, Path(bad_spec).read_text(), "")
    assert run("show", "gpt2")[1] == (ROOT / "specs" / "gpt2.yaml").read_text()


def test_list_has_every_bundled_spec(run: Run) -> None:
    names = sorted(path.stem for path in (ROOT / "specs").glob("*.yaml"))
    assert [line.split()[0] for line in run("list")[1].splitlines()] == names
    listed = json.loads(run("list", "--format", "json")[1])["specs"]
    assert [each["name"] for each in listed] == names
    assert all(Path(each["path"]).is_file() and each["about"] for each in listed)


@pytest.mark.parametrize("verb", ["build", "shapes", "show"])
def test_no_verb_writes_over_its_spec(run: Run, tmp_path: Path, verb: str) -> None:
    spec = tmp_path / "mine.yaml"
    text = (ROOT / "specs" / "gpt2.yaml").read_text()
    spec.write_text(text)
    code, out, err = run(verb, str(spec), "-o", str(spec))
    assert (code, out, spec.read_text()) == (2, "", text)
    assert err == (
        f"error[TS423]: the output `{spec}` is the spec itself\n  = help: name another file\n"
    )


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert console.has_color(_Terminal())
    assert not console.has_color(io.StringIO())
    assert not console.has_color(None)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not console.has_color(_Terminal())


# Outputs


def test_an_output_is_replaced_only_when_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "out.py"
    file.write_text("old")
    file.chmod(0o640)
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(Failure) as failure:
        output.write("new", str(file))
    monkeypatch.undo()
    assert failure.value.diagnostic.message.endswith("cannot be written: no space left on device")
    assert (file.read_text(), os.listdir(tmp_path)) == ("old", ["out.py"])
    output.write("new", str(file))
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o640)
    assert os.listdir(tmp_path) == ["out.py"]


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_output_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to("real.py")
    output.write("text", str(tmp_path / "link.py"))
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_text() == "text"


def test_a_device_is_written_into_never_replaced() -> None:
    output.write("text", os.devnull)
    assert not os.path.isfile(os.devnull)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".", "the output `.` is a folder"),
        ("missing/out.py", "there is no folder `missing`"),
        ("a\0b", "the output `a\\x00b` cannot be written: embedded null byte"),
        ("spec.yaml/out.py", "the output `spec.yaml/out.py` cannot be written: not a directory"),
        ("x" * 300, f"the output `{'x' * 199}…` cannot be written: file name too long"),
    ],
)
def test_an_output_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text("tfspec: 1")
    with pytest.raises(Failure) as failure:
        output.write("text", name)
    assert (failure.value.diagnostic.message, failure.value.exit_code) == (message, 2)
    assert os.listdir() == ["spec.yaml"]


@pytest.mark.parametrize("name", ["spec.yaml", "./spec.yaml", "soft.yaml", "hard.yaml"])
def test_an_output_never_touches_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text("tfspec: 1")
    Path("soft.yaml").symlink_to("spec.yaml")
    os.link("spec.yaml", "hard.yaml")
    with pytest.raises(Failure) as failure:
        output.write("text", name, never=["spec.yaml"])
    assert failure.value.diagnostic.message == f"the output `{name}` is the spec itself"
    assert Path("spec.yaml").read_text() == "tfspec: 1"


# Ends


def test_a_bug_is_reported_short_and_as_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise KeyError("a\nb")

    monkeypatch.setattr(check, "VERB", verbs.Verb("a test", "", check.VERB.options, fail))
    code, out, err = run("check", "gpt2")
    assert (code, out) == (70, "")
    first, second, third = err.splitlines()
    assert first == "tfspec: a bug in tfspec, not in your spec: KeyError: 'a\\nb'"
    assert second.startswith("  at test_cli.py:")
    assert third == "  Please report it, with the spec and the output under TFSPEC_TRACEBACK=1."
    monkeypatch.setenv("TFSPEC_TRACEBACK", "1")
    assert run("check", "gpt2")[2].startswith("Traceback (most recent call last)")


def test_ctrl_c_ends_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    monkeypatch.setattr(check, "VERB", verbs.Verb("a test", "", check.VERB.options, stop))
    # a shell starts background jobs with the signal ignored, and Python then leaves it so
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert run("check", "gpt2") == (130, "", "")
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("verb", ["schema", "explain", "list"])
def test_a_closed_pipe_ends_quietly(verb: str) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "tfspec", verb]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


ALL_VERBS = {
    **dict.fromkeys(verbs.names(), ("gpt2",)),
    "diff": ("gpt2", "gpt2"),
    "explain": (),
    "list": (),
    "schema": (),
}


def full(*argv: str, unbuffered: str = "", **how: object) -> subprocess.CompletedProcess[str]:
    """A command line with its stdout on a disk without room."""
    command = [sys.executable, "-m", "tfspec", *argv]
    with open("/dev/full", "w") as disk:
        return subprocess.run(
            command, cwd=ROOT, stdout=disk, text=True, timeout=60,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            **{"stderr": subprocess.PIPE, **how},
        )  # fmt: skip


needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
NO_ROOM = (
    "error[TS422]: the output cannot be written: no space left on device\n"
    "  = help: send it where there is room: `> FILE`\n"
)


@needs_full
@pytest.mark.parametrize("verb", ALL_VERBS)
def test_a_full_disk_is_one_message(verb: str) -> None:
    done = full(verb, *ALL_VERBS[verb])
    assert (done.returncode, done.stderr) == (2, NO_ROOM)


@needs_full
@pytest.mark.parametrize("argv", [("list",), ("draw", "--help")])
def test_a_full_disk_is_told_unbuffered_too(argv: tuple[str, ...]) -> None:
    done = full(*argv, unbuffered="1")
    assert (done.returncode, done.stderr) == (2, NO_ROOM)


@needs_full
def test_two_full_streams_leave_the_exit_code() -> None:
    assert full("list", stderr=subprocess.STDOUT).returncode == 2


def test_a_closed_stdout_is_no_error() -> None:
    command = f"{sys.executable} -m tfspec explain >&-"
    done = subprocess.run(command, shell=True, cwd=ROOT, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_narrow_encoding_shows_escapes() -> None:
    done = process("chekc·", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.stderr.startswith("error[TS420]: unknown verb `chekc\\xb7`\n")
