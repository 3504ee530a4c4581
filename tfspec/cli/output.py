"""`-o FILE`: a file appears whole or not at all, and never in the place of a spec."""

from __future__ import annotations

import os
import stat
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path

from tfspec.cli import console
from tfspec.cli.failure import Failure
from tfspec.diagnostics import Rule
from tfspec.diagnostics.escape import quoted

UNWRITABLE = Rule(
    "TS422",
    "an output that cannot be written",
    "The output is a folder, its folder is missing, or it may not be written there; or its disk is "
    "full.",
    "Folders are not made unasked: a misspelt path would hide the file.",
    "tfspec build gpt2 -o missing/gpt2.py",
    "Make the folder first, or name a file in one that exists.",
)

OVER_SPEC = Rule(
    "TS423",
    "an output over the spec itself",
    "The output is the file of the spec, or of one that it extends, maybe by a link.",
    "The spec would be lost.",
    "tfspec build gpt2.yaml -o gpt2.yaml",
    "Name another file.",
)


def option(parser: ArgumentParser, what: str) -> None:
    """`-o FILE`."""
    parser.add_argument("-o", "--output", metavar="FILE", help=f"write {what} here, not to stdout")


def write(what: str | bytes, output: str | None, *, never: Iterable[str] = ()) -> None:
    """Write to a file, or to stdout without one. Raises Failure; leaves nothing half written.

    `never` has the files that may not be replaced. A link is followed. What is no regular file
    (`/dev/null`, a pipe) is written into, not replaced.
    """
    if isinstance(what, str) and (output is None or output == "-"):
        console.write(what)
        return
    assert output is not None, "bytes go to a file"
    data = what.encode("utf-8", "backslashreplace") if isinstance(what, str) else what
    _refuse_spec(output, never)
    try:
        _replace(Path(os.path.realpath(output)), data)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _failure(output, error) from None
    console.say(f"wrote {output}")


def unwritten(reason: str) -> Failure:
    """Of stdout, which takes no more."""
    message = f"the output cannot be written: {reason.lower()}"
    return Failure(UNWRITABLE, message, "send it where there is room: `> FILE`")


def _refuse_spec(output: str, never: Iterable[str]) -> None:
    if any(_same_file(output, file) for file in never):
        message = f"the output {quoted(output, 200)} is the spec itself"
        raise Failure(OVER_SPEC, message, "name another file")


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them does not exist
        return False


def _replace(path: Path, data: bytes) -> None:
    mode = path.stat().st_mode if path.exists() else None
    if mode and not stat.S_ISREG(mode):
        path.write_bytes(data)
        return
    if mode and not os.access(path, os.W_OK):  # replacing asks the folder only
        raise PermissionError
    whole = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
    try:
        _fill(whole, data, mode)
        os.replace(whole, path)
    except BaseException:
        whole.unlink(missing_ok=True)
        raise


def _fill(path: Path, data: bytes, mode: int | None) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if mode:
        path.chmod(stat.S_IMODE(mode))


def _folder(output: str) -> str:
    return os.path.dirname(output) or "."


def _failure(output: str, error: OSError | ValueError) -> Failure:
    shown = quoted(output, 200)
    folder = quoted(_folder(output), 200)
    if isinstance(error, IsADirectoryError):
        return Failure(UNWRITABLE, f"the output {shown} is a folder", "name a file in it")
    if isinstance(error, FileNotFoundError) and not os.path.isdir(_folder(output)):
        return Failure(UNWRITABLE, f"there is no folder {folder}", "make it first")
    if isinstance(error, PermissionError):
        return Failure(UNWRITABLE, f"the output {shown} may not be written")
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return Failure(UNWRITABLE, f"the output {shown} cannot be written: {reason}")
