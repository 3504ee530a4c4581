"""Paths that hold no spec: the whole message for each, in bounded time and memory."""

import os
import socket
import threading
from pathlib import Path
from textwrap import dedent

import pytest

from tfspec.diagnostics.text import render
from tfspec.spec import file_reader
from tfspec.spec.source import read


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative names, so that messages hold no path of this machine."""
    monkeypatch.chdir(tmp_path)


def message_for(path: str) -> str:
    """What a user reads of a path, within ten seconds."""
    shown: list[str] = []
    reading = threading.Thread(target=lambda: shown.append(_message(path)), daemon=True)
    reading.start()
    reading.join(10)
    assert shown, "the reading blocks"
    return shown[0]


def _message(path: str) -> str:
    source, found = read(path)
    return render(found, {source.file: source.text} if source else {})


def whole(text: str) -> str:
    """A message as it stands indented in a test."""
    return dedent(text).strip("\n") + "\n"


def test_missing() -> None:
    assert message_for("gpt2.yaml") == whole("""
        error[TS001]: there is no file `gpt2.yaml`
         --> gpt2.yaml
    """)


def test_missing_with_a_near_name() -> None:
    Path("models").mkdir()
    Path("models/gpt2.yaml").touch()
    assert message_for("models/gpt-2.yaml") == whole("""
        error[TS001]: there is no file `models/gpt-2.yaml`
         --> models/gpt-2.yaml
          = help: did you mean `models/gpt2.yaml`?
    """)


def test_missing_folder() -> None:
    assert message_for("no/such/folder.yaml") == whole("""
        error[TS001]: there is no file `no/such/folder.yaml`
         --> no/such/folder.yaml
    """)


def test_below_a_file() -> None:
    Path("a.yaml").touch()
    assert message_for("a.yaml/b.yaml") == whole("""
        error[TS001]: there is no file `a.yaml/b.yaml`
         --> a.yaml/b.yaml
    """)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("a\0b.yaml", r"a\x00b.yaml"),
        ("a\x1b[31m.yaml", r"a\x1b[31m.yaml"),
        ("a\nb.yaml", r"a\nb.yaml"),
        ("a\u202eb.yaml", r"a\u202eb.yaml"),
        ("a\udcffb.yaml", r"a\udcffb.yaml"),
        ("[bold]a[/bold].yaml", "[bold]a[/bold].yaml"),
    ],
)
def test_hostile_names(path: str, shown: str) -> None:
    assert message_for(path) == whole(f"""
        error[TS001]: there is no file `{shown}`
         --> {shown}
    """)


def test_a_name_too_long_for_the_system() -> None:
    name = "x" * 5000
    assert message_for(name) == whole(f"""
        error[TS001]: `{"x" * 199}…` cannot be read: file name too long
         --> {name}
    """)


def test_a_link_to_itself() -> None:
    Path("loop.yaml").symlink_to("loop.yaml")
    assert message_for("loop.yaml").startswith("error[TS001]: `loop.yaml` cannot be read: too many")


def test_folder() -> None:
    Path("specs").mkdir()
    assert message_for("specs") == whole("""
        error[TS002]: `specs` is a folder, not a file
         --> specs
    """)


def test_pipe() -> None:
    os.mkfifo("pipe.yaml")
    assert message_for("pipe.yaml") == whole("""
        error[TS002]: `pipe.yaml` is a pipe, not a file
         --> pipe.yaml
    """)


def test_socket() -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.yaml")
        assert message_for("socket.yaml") == whole("""
            error[TS002]: `socket.yaml` is a socket, not a file
             --> socket.yaml
        """)


def test_device() -> None:
    assert message_for("/dev/zero") == whole("""
        error[TS002]: `/dev/zero` is a device, not a file
         --> /dev/zero
    """)


UNREADABLE = """
    error[TS001]: `secret.yaml` may not be read
     --> secret.yaml
      = help: its permissions forbid it: see `ls -l`
"""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable() -> None:
    Path("secret.yaml").write_text("name: a\n")
    Path("secret.yaml").chmod(0)
    assert message_for("secret.yaml") == whole(UNREADABLE)


def test_unreadable_by_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, mode: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    Path("secret.yaml").write_text("name: a\n")
    monkeypatch.setattr(file_reader, "open", refuse, raising=False)
    assert message_for("secret.yaml") == whole(UNREADABLE)


def test_a_hundred_megabytes_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("large.yaml", "wb") as file:
        file.truncate(100_000_000)
    monkeypatch.setattr(file_reader, "open", None, raising=False)  # calling it would raise
    assert message_for("large.yaml") == whole("""
        error[TS003]: a spec has at most 1 MB, and this is 100.0 MB
         --> large.yaml
    """)


def test_a_file_that_grows_is_read_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("grows.yaml").write_bytes(b"#" * 1_000_001)
    small = os.stat_result((0o100644, 0, 0, 1, 0, 0, 10, 0, 0, 0))
    monkeypatch.setattr(file_reader.os, "stat", lambda path: small)
    assert message_for("grows.yaml") == whole("""
        error[TS003]: a spec has at most 1 MB, and this is 1.0 MB
         --> grows.yaml
    """)


def test_empty() -> None:
    Path("empty.yaml").touch()
    assert message_for("empty.yaml") == whole("""
        error[TS006]: the file is empty
         --> empty.yaml
          = help: a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one
    """)


def test_binary() -> None:
    Path("figure.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    assert message_for("figure.png") == whole("""
        error[TS005]: the file is binary, not text
         --> figure.png
    """)


def test_latin_1() -> None:
    Path("old.yaml").write_bytes("name: a\nabout: caf\xe9\n".encode("latin-1"))
    assert message_for("old.yaml") == whole(r"""
        error[TS004]: the byte 0xe9 is not UTF-8
         --> old.yaml:2:11
          |
        2 | about: caf\xe9
          |           ^^^^
          = help: save the file as UTF-8
    """)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_wide_encodings(encoding: str) -> None:
    Path("wide.yaml").write_bytes("name: a\n".encode(encoding))
    assert message_for("wide.yaml") == whole("""
        error[TS004]: the file is in UTF-16 or UTF-32, and a spec is in UTF-8
         --> wide.yaml
          = help: save it as UTF-8
    """)


def test_wide_encoding_without_a_mark() -> None:
    Path("wide.yaml").write_bytes("name: a\n".encode("utf-16-le"))
    assert message_for("wide.yaml") == whole("""
        error[TS005]: the file is binary, not text
         --> wide.yaml
    """)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_ends_are_fine(mark: str, end: str) -> None:
    Path("a.yaml").write_bytes(f"{mark}name: a{end}dims: {{d: 8, d: 9}}{end}".encode())
    assert message_for("a.yaml") == whole("""
        error[TS010]: the key `d` stands twice in one mapping
         --> a.yaml:2:14
          |
        2 | dims: {d: 8, d: 9}
          |              ^ here again
          |        - here first
          = help: keep one of the two, or rename one
    """)


def test_the_source_keeps_text_and_root() -> None:
    Path("a.yaml").write_text("name: a\n")
    source, found = read(Path("a.yaml"))
    assert source is not None
    assert source.root is not None
    assert (source.file, source.text, found) == ("a.yaml", "name: a\n", [])
