"""Hostile files through the real command line: exit 1 or 2, within bounds, and nothing left behind.

What the messages say is tested where they are made, and in tests/bad_specs. Here a process has a
few seconds and little memory, and must end with a message, no traceback, and no half of a file.
"""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tfspec.cli import main

Run = Callable[..., str]

SECONDS, KILOBYTES = 15, 700_000
LIMITED = f'ulimit -t {SECONDS} && ulimit -v {KILOBYTES} && exec "$0" "$@"'

HEAD = "tfspec: 1\nname: toy\n"
GOOD = (
    HEAD
    + """\
dims: {B: batch, T: 1..16, V: 100, d: 8, h: 2}
inputs: {tokens: ids(V) B T}
blocks: {layer: {do: [{attend: {heads: h, mask: causal}}]}}
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: 2}}]}
outputs: {logits: [text, {linear: V}]}
"""
)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every file of these tests is made in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command line prints, run in this process, where it must be right."""

    def run_here(*argv: str) -> str:
        code = main(argv)
        said = capsys.readouterr()
        assert (code, said.err) == (0, "")
        return said.out

    return run_here


def tfspec(*argv: str) -> subprocess.CompletedProcess[bytes]:
    """A command line in a process with little time and memory."""
    return python("-m", "tfspec", *argv)


def python(*argv: str, limits: str = LIMITED) -> subprocess.CompletedProcess[bytes]:
    """A Python within limits."""
    command = ["sh", "-c", limits, sys.executable, *argv]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=env, check=False
    )


def refused(*argv: str, code: int = 1) -> str:
    """What the command says where it must refuse."""
    done = tfspec(*argv)
    said = done.stderr.decode()
    assert done.returncode == code, said[-2000:]
    assert said.startswith(("error[TS", "note[TS"))
    assert "Traceback" not in said
    assert "bug in tfspec" not in said
    assert len(said) < 60_000
    assert all(line.isprintable() for line in said.split("\n"))
    return said


def spec(text: str) -> Callable[[Path], object]:
    """Writes a text as the spec."""
    return lambda path: path.write_text(text, "utf-8")


def changed(*changes: tuple[str, str]) -> Callable[[Path], object]:
    """Writes the good spec with some texts replaced."""
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return spec(text)


def large(path: Path) -> None:
    """A hundred megabytes that take no place on the disk."""
    with path.open("wb") as file:
        file.truncate(100_000_000)


def large_text(path: Path) -> None:
    """A text of a hundred megabytes that begins as a spec."""
    with path.open("wb") as file:
        file.write(GOOD.encode())
        file.writelines(b"#" * 1_000_000 for _ in range(100))


def bound_socket(path: Path) -> None:
    """A socket that nobody listens to."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path.relative_to(Path.cwd())))


UNREAD: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": bound_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path),
}
"""What cannot be read: exit 2."""

REFUSED: dict[str, Callable[[Path], object]] = {
    "empty": spec(""),
    "binary": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "latin-1": lambda path: path.write_bytes("tfspec: 1\nabout: caf\xe9\n".encode("latin-1")),
    "utf-16": lambda path: path.write_bytes(GOOD.encode("utf-16")),
    "100 MB of nothing": large,
    "100 MB of text": large_text,
    "10,000 brackets deep": spec("a: " + "[" * 10_000 + "]" * 10_000),
    "10,000 braces deep": spec("a: " + "{a: " * 10_000 + "1" + "}" * 10_000),
    "1,000 indents deep": spec("".join(" " * depth + "a:\n" for depth in range(1000))),
    "an alias bomb": spec(
        "a: &a [x, x, x]\n"
        + "".join(f"k{n}: &{chr(n + 1)} [*{chr(n)}, *{chr(n)}]\n" for n in range(97, 122))
    ),
    "an alias of itself": spec(f"{HEAD}dims: &a {{d: *a}}\n"),
    "keys twice": spec(f"{HEAD}dims: {{d: 8, d: 9}}\n"),
    "merge keys": spec(f"{HEAD}dims: &a {{d: 8}}\ninputs: {{<<: *a}}\n"),
    "a tag that runs": spec("a: !!python/object/apply:os.system ['touch ran']\n"),
    "two documents": spec(f"{GOOD}---\n{GOOD}"),
    "no mapping": spec("- a\n- b\n"),
    "an unclosed bracket": spec("dims: {a: 1\n" + "x: [1\n" * 20_000),
    "a power tower": changed(("heads: h", "heads: 2**10**9")),
    "a power of a sum": changed(("heads: h", "heads: (h + d + V + T + B)**50")),
    "powers of powers": changed(("d: 8", "d: ((2**60)**60)**60")),
    "many terms": changed(("heads: h", "heads: ((h+d)**16 + (V+T)**16)**16")),
    "10,000 parentheses": changed(("heads: h", f"heads: {'(' * 10_000}h{')' * 10_000}")),
    "a rate that overflows": changed(("{embed: d}", "{embed: d}, {scale: 9.0 ** 9 ** 9 ** 9}")),
    "a long number": changed(("d: 8", f"d: {'9' * 5000}")),
    "a long name": changed(("d: 8", f"{'d' * 500_000}: 8")),
    "dims in a circle": changed(("d: 8", ", ".join(f"d{n}: d{n + 1}" for n in range(9000)))),
    "20,000 unknown names": changed(("[tokens,", f"[{', '.join(f'x{n}' for n in range(20_000))},")),
    "20,000 unknown keys": spec(HEAD + "".join(f"x{n}: 1\n" for n in range(20_000))),
    "hostile names": changed(("d: 8", '"[red]\\e[31m\\"\\"\\"\\n\\u202E": 8')),
    "extends itself": spec(f"extends: ./bad.yaml\n{GOOD}"),
    "extends a file elsewhere": spec(f"extends: ../../etc/passwd\n{GOOD}"),
    "extends a device": spec(f"extends: /dev/zero\n{GOOD}"),
    "a mask of 20,000 terms": changed(
        ("mask: causal", f"mask: {' or '.join(['causal'] * 20_000)}")
    ),
    "a mask of 10,000 nots": changed(("mask: causal", f"mask: {'not ' * 10_000} causal")),
    "a factor of large ranges": changed(
        ("T: 1..16", ", ".join(f"{name}: 1..999999999" for name in "TSUWXYZ")),
        ("{embed: d}", "{embed: d}, {prepend: {r: (T*S*U + W*X*Y*Z) / 999983}}"),
    ),
    "a circle of streams": changed(("text: [tokens,", "a: b, b: a, text: [tokens,")),
    "a mark read before its place": changed(
        ("{embed: d}", "{embed: d}, {sum: [text.m, {linear: d}]}, {mark: m}")
    ),
    "a vocabulary of nothing": changed(("ids(V)", "ids(V - 100)")),
}
"""What can be read, and is wrong: exit 1."""


@pytest.mark.parametrize("make", UNREAD.values(), ids=UNREAD)
def test_what_cannot_be_read_is_refused(make: Callable[[Path], object], in_folder: Path) -> None:
    make(in_folder / "bad.yaml")
    before = listing(in_folder)
    refused("build", "bad.yaml", "-o", "bad.py", code=2)
    assert listing(in_folder) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("verb", ["check", "shapes", "build"])
def test_what_may_not_be_read_is_refused(verb: str, in_folder: Path) -> None:
    (in_folder / "bad.yaml").write_text(GOOD)
    (in_folder / "bad.yaml").chmod(0)
    refused(verb, "bad.yaml", code=2)


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_wrong_file_is_refused(make: Callable[[Path], object], in_folder: Path) -> None:
    make(in_folder / "bad.yaml")
    (in_folder / "bad.py").write_text("kept")
    before = listing(in_folder)
    refused("build", "bad.yaml", "-o", "bad.py")
    assert (in_folder / "bad.py").read_text() == "kept"
    assert listing(in_folder) == before


@pytest.mark.parametrize("format", ["json", "github"])
def test_a_wrong_file_is_refused_for_machines(format: str, in_folder: Path) -> None:
    REFUSED["hostile names"](in_folder / "bad.yaml")
    done = tfspec("check", "bad.yaml", "--format", format)
    assert done.returncode == 1
    assert b"TS105" in done.stdout
    assert not {*"\x1b\u202e"} & {*done.stdout.decode()}


@pytest.mark.parametrize("name", ["an alias bomb", "a power of a sum", "a vocabulary of nothing"])
def test_every_verb_that_reads_says_the_same(name: str, in_folder: Path) -> None:
    REFUSED[name](in_folder / "bad.yaml")
    checked = refused("check", "bad.yaml")
    assert refused("shapes", "bad.yaml") == checked
    assert refused("build", "bad.yaml", "--style", "explicit") == checked


@pytest.mark.parametrize("name", ["a pipe", "a device", "a folder", "missing"])
def test_what_a_spec_extends_is_read_as_carefully(name: str, in_folder: Path) -> None:
    UNREAD[name](in_folder / "bad.yaml")
    (in_folder / "good.yaml").write_text(f"extends: ./bad.yaml\n{GOOD}")
    said = tfspec("check", "good.yaml")
    assert said.returncode in (1, 2)
    assert said.stderr.startswith(b"error[TS")


def test_a_full_disk_leaves_nothing(in_folder: Path) -> None:
    (in_folder / "good.yaml").write_text(GOOD)
    small_files = f"ulimit -f 2 && {LIMITED}"
    done = python("-m", "tfspec", "build", "good.yaml", "-o", "good.py", limits=small_files)
    assert done.returncode == 2
    assert done.stderr == b"error[TS422]: the output `good.py` cannot be written: file too large\n"
    assert listing(in_folder) == ["good.yaml"]


def test_the_limits_bite() -> None:
    done = python("-c", "bytearray(1_000_000_000)")
    assert done.returncode == 1
    assert done.stderr.endswith(b"MemoryError\n")


HOSTILE = [
    'a"""\nimport os\nos.mkdir("ran")\n"""',
    "a'''\\",
    "\x1b[31mred\x1b[0m",
    "\u202eabc\u2066",
    "[red]a[/red] {0} %s",
    "\x00\x7f\x85\u2028b",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("key", ["name", "about"])
def test_hostile_texts_come_out_as_text(key: str, text: str, run: Run, in_folder: Path) -> None:
    (in_folder / "good.yaml").write_text(GOOD)
    other = "" if key == "name" else "name: toy\n"
    body = GOOD.partition("name: toy\n")[2]
    (in_folder / "a.yaml").write_text(f"tfspec: 1\n{other}{key}: {json.dumps(text)}\n{body}")
    for argv in (["check", "a.yaml"], ["check", "a.yaml", "--format", "json"]):
        assert visible(run(*argv))
    for format in ("text", "md", "json", "latex"):
        assert visible(run("shapes", "a.yaml", "--format", format))
    for style in ("fast", "explicit"):
        code = run("build", "a.yaml", "--style", style)
        assert visible(code)
        assert statements(code) == statements(run("build", "good.yaml", "--style", style))


def visible(text: str) -> bool:
    """Whether nothing in it is invisible, or moves other text."""
    return bool(text) and all(line.isprintable() for line in text.split("\n"))


def statements(code: str) -> list[str]:
    """The kinds of the statements of a file."""
    return [type(each).__name__ for each in ast.parse(code).body]


def listing(folder: Path) -> list[str]:
    """Every file of a folder."""
    return sorted(each.name for each in folder.iterdir())


def many(count: int, item: str, sign: str = ", ") -> str:
    """An item again and again, with its number."""
    return sign.join(item.replace("#", str(number)) for number in range(count))


HEAVY: dict[str, list[tuple[str, str]]] = {
    "a depth of 2**53": [("depth: 2", "depth: 2**53")],
    "5,000 dims": [("d: 8", f"d: 8, {many(5000, 'd#: d + #')}")],
    "2,000 streams": [("streams: {", f"streams: {{{many(2000, 's#: [tokens, {embed: 4}]')}, ")],
    "500 steps": [("{embed: d}", f"{{embed: d}}, {many(500, 'relu')}")],
    "300 parts": [("{embed: d}", f"{{embed: d}}, {{prepend: [{many(300, 'p#')}]}}")],
    "a pattern of 500 layers": [
        ("of: layer, depth: 2", f"of: [{many(500, 'layer')}], depth: 1000")
    ],
    "lists 50 deep": [("{embed: d}", "[" * 50 + "{embed: d}" + "]" * 50)],
    "texts of 200,000 letters": [("name: toy", f"name: toy\nabout: {'x' * 200_000}")],
}
"""Right, or nearly, and heavy: an answer within the same bounds."""


@pytest.mark.parametrize("changes", HEAVY.values(), ids=HEAVY)
def test_a_heavy_file_ends(changes: list[tuple[str, str]], in_folder: Path) -> None:
    changed(*changes)(in_folder / "heavy.yaml")
    done = tfspec("check", "heavy.yaml")
    said = done.stderr.decode()
    assert done.returncode in (0, 1), said
    assert "bug in tfspec" not in said
