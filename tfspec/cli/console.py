"""The two streams of a command: results to stdout, everything else to stderr."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TextIO

from tfspec.diagnostics import Diagnostic


class Unwritable(Exception):
    """A stream that takes no more, such as one into a full disk: the system's reason."""


def prepare() -> None:
    """Let no character that a terminal's encoding lacks stop the command: show its escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """A result, with a final newline, to stdout."""
    _put(sys.stdout, text)


def say(text: str) -> None:
    """A remark, with a final newline, to stderr."""
    _put(sys.stderr, text)


def report(found: Iterable[Diagnostic], sources: Mapping[str, str] | None = None) -> None:
    """Diagnostics to stderr, as text."""
    from tfspec.diagnostics.text import render

    every = list(found)
    if every:
        say(render(every, sources or {}, color=has_color(sys.stderr)))


def has_color(stream: TextIO | None) -> bool:
    """Colour only on a terminal that has it, and never where NO_COLOR is set."""
    if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def stdout_has_color() -> bool:
    """Whether results may be coloured."""
    return has_color(sys.stdout)


@contextmanager
def working(text: str) -> Generator[None]:
    """Something that turns on a terminal while long work is done; nothing elsewhere."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def one_line(text: str, longest: int) -> str:
    """Any text as one harmless line."""
    from tfspec.diagnostics.escape import escape, shorten

    return shorten(escape(shorten(text, longest)), longest)


def flush() -> None:
    """Write out what is buffered now, where a closed pipe or a full disk can still be told."""
    for stream in (sys.stdout, sys.stderr):
        if stream:
            with _told():
                stream.flush()


def mute(*streams: TextIO | None) -> None:
    """Send what is left to nowhere, so that the interpreter has nothing to complain about."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams or (sys.stdout, sys.stderr):
        if stream:
            os.dup2(nowhere, stream.fileno())


def _put(stream: TextIO | None, text: str) -> None:
    if stream is not None:  # None: the command was started with this stream closed
        with _told():
            stream.write(text if text.endswith("\n") else text + "\n")


@contextmanager
def _told() -> Generator[None]:
    """Raises Unwritable for what the system refuses; a closed pipe is no refusal."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritable(error.strerror or str(error)) from None
