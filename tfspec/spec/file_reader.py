"""A file as text, whatever stands at its path: never blocks, never reads more than a spec is."""

from __future__ import annotations

import codecs
import os
import stat
from itertools import islice
from pathlib import Path

from tfspec.diagnostics import Diagnostic, Label, Rule, Span, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.diagnostics.lines import split_lines

UNREADABLE = Rule(
    "TS001",
    "a file that cannot be read",
    "There is no file at this path, or it may not be read.",
    "The rest of tfspec starts from its text.",
    "tfspec check models/gpt-2.yaml    # the file is models/gpt2.yaml",
    "Give the path of a spec, or the name of a bundled one: `tfspec list` has them.",
)

NOT_A_FILE = Rule(
    "TS002",
    "not a file",
    "The path is a folder, a pipe, a device or a socket.",
    "Reading a pipe or a device may never end.",
    "tfspec check specs/",
    "Give the path of a file; write a pipe's text to a file first.",
)

TOO_LARGE = Rule(
    "TS003",
    "too large for a spec",
    "The file is larger than 1 MB. The bundled specs have 1 to 3 kB.",
    "It is most likely not a spec, and reading it would take memory and time.",
    "tfspec check model.safetensors",
    "Give the spec's own file; repeat layers by `stack` with a depth.",
)

ENCODING = Rule(
    "TS004",
    "not UTF-8",
    "The bytes of the file are no UTF-8 text.",
    "A guessed encoding would change names and texts without a word.",
    "a file saved as Latin-1, Windows-1252 or UTF-16",
    "Save it as UTF-8: `iconv -f latin1 -t utf-8 old.yaml > new.yaml`.",
)

BINARY = Rule(
    "TS005",
    "not text",
    "The file holds control characters, which no text has.",
    "It is most likely not a spec; and control characters can hide text on a terminal.",
    "tfspec check figure.png",
    "Give the spec's own file, or take the characters out.",
)

MAX_BYTES = 1_000_000
_LONGEST_PATH = 200
_MOST_NEIGHBOURS = 1000
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def read_text(path: str | Path, file: str) -> tuple[str | None, Diagnostic | None]:
    """The text of a file, without its byte order mark, or what stands against reading it.

    Both, where the text can be shown but not used: bad bytes are then escapes (`\\xe9`).
    """
    data = _read_bytes(path, file)
    if isinstance(data, Diagnostic):
        return None, data
    if data.startswith(_WIDE_MARKS):
        return None, _wide(file)
    if b"\0" in data:
        return None, _not_text(file)
    return _decode(data.removeprefix(codecs.BOM_UTF8), file)


def too_large(file: str, size: int) -> Diagnostic:
    """More bytes than any spec has."""
    shown = f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"
    message = f"a spec has at most 1 MB, and this is {shown}"
    return Diagnostic(TOO_LARGE, message, Label(Span.whole(file)))


def _read_bytes(path: str | Path, file: str) -> bytes | Diagnostic:
    try:
        info = os.stat(path)  # before opening: opening a pipe blocks until somebody writes
        if not stat.S_ISREG(info.st_mode):
            return _not_a_file(file, info.st_mode)
        if info.st_size > MAX_BYTES:
            return too_large(file, info.st_size)
        with open(path, "rb") as opened:
            data = opened.read(MAX_BYTES + 1)  # it may have grown, or be of a kind without a size
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return _unreadable(path, file, error)
    return data if len(data) <= MAX_BYTES else too_large(file, len(data))


def _not_a_file(file: str, mode: int) -> Diagnostic:
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "a device")
    message = f"{quoted(file, _LONGEST_PATH)} is {kind}, not a file"
    return Diagnostic(NOT_A_FILE, message, Label(Span.whole(file)))


def _unreadable(path: str | Path, file: str, error: OSError | ValueError) -> Diagnostic:
    shown = quoted(file, _LONGEST_PATH)
    if isinstance(error, PermissionError):
        return Diagnostic(
            UNREADABLE,
            f"{shown} may not be read",
            Label(Span.whole(file)),
            help=("its permissions forbid it: see `ls -l`",),
        )
    if isinstance(error, (FileNotFoundError, NotADirectoryError, ValueError)):
        near = _neighbour(Path(path))
        hints = (f"did you mean {quoted(str(near), _LONGEST_PATH)}?",) if near else ()
        return Diagnostic(
            UNREADABLE, f"there is no file {shown}", Label(Span.whole(file)), help=hints
        )
    message = f"{shown} cannot be read: {(error.strerror or 'no reason given').lower()}"
    return Diagnostic(UNREADABLE, message, Label(Span.whole(file)))


def _neighbour(path: Path) -> Path | None:
    """The file in the same folder whose name is nearest."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, _MOST_NEIGHBOURS)]
    except (OSError, ValueError):
        return None
    found = nearest(path.name, names)
    return path.with_name(found) if found else None


def _wide(file: str) -> Diagnostic:
    return Diagnostic(
        ENCODING,
        "the file is in UTF-16 or UTF-32, and a spec is in UTF-8",
        Label(Span.whole(file)),
        help=("save it as UTF-8",),
    )


def _not_text(file: str) -> Diagnostic:
    return Diagnostic(BINARY, "the file is binary, not text", Label(Span.whole(file)))


def _decode(data: bytes, file: str) -> tuple[str, Diagnostic | None]:
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        before = split_lines(data[: error.start].decode("utf-8"))
        line, column = len(before), len(before[-1]) + 1
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        span = Span(file, line, column, line, column + 4)
        found = Diagnostic(ENCODING, message, Label(span), help=("save the file as UTF-8",))
        return data.decode("utf-8", "backslashreplace"), found
