"""Broken YAML within brackets: left open, closed by the wrong one, commas too few or too many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tfspec.diagnostics import Diagnostic
from tfspec.spec.yaml_trouble import Trouble, says

_CLOSERS = {"[": "]", "{": "}"}
_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|(?:^|(?<=\s))\#.*|[\[\]{}]""")


def _unbalanced(trouble: Trouble) -> Diagnostic | None:
    """An entry that goes on where a comma or the closing bracket should stand."""
    opening = trouble.opener[:1]
    if "parsing a flow" not in trouble.context or opening not in _CLOSERS:
        return None
    if "node" in trouble.context:
        return None
    if trouble.here[:1] in ("]", "}"):
        return _wrong_closer(trouble, opening)
    return _no_comma(trouble) if _is_closed(trouble) else _never_closed(trouble, opening)


def _wrong_closer(trouble: Trouble, opening: str) -> Diagnostic:
    return says(
        f"`{opening}` is closed by `{trouble.here[0]}`",
        trouble.at(f"a `{_CLOSERS[opening]}` is missing here, or before"),
        trouble.since("opened here"),
    )


def _never_closed(trouble: Trouble, opening: str) -> Diagnostic:
    reached = () if trouble.at_end else (trouble.at("the reading came this far"),)
    hint = f"write `{_CLOSERS[opening]}` where it ends"
    if " #" in trouble.opener:
        hint += ", before the comment"
    return says(f"`{opening}` is never closed", trouble.since("opened here"), *reached, hint=hint)


def _no_comma(trouble: Trouble) -> Diagnostic:
    if trouble.here.startswith(":"):
        return says(
            "one entry has two colons",
            trouble.at("the second colon"),
            hint="a comma is missing before this entry; or put a text with a colon in quotes",
        )
    return says("a comma is missing between two entries", trouble.at("before this"))


def _is_closed(trouble: Trouble) -> bool:
    """Whether the bracket at the start has its closing one."""
    depth = 0
    for piece in _pieces(trouble):
        depth += (piece in _CLOSERS) - (piece in _CLOSERS.values())
        if depth == 0:
            return True
    return False


def _pieces(trouble: Trouble) -> Iterator[str]:
    """The brackets from the start on, besides quoted texts and comments.

    Ends at a line that is indented no deeper and closes nothing: it is most likely the next key,
    and its brackets are its own.
    """
    first = trouble.text(trouble.start_line)
    indent = len(first) - len(first.lstrip(" "))
    yield from _PIECE.findall(first, trouble.start_column)
    for line in trouble.lines[trouble.start_line + 1 :]:
        text = line.lstrip(" ")
        if text and len(line) - len(text) <= indent and text[0] not in "]}":
            return
        yield from _PIECE.findall(line)


def _nothing(trouble: Trouble) -> Diagnostic | None:
    """A comma or a closing bracket where a value should stand."""
    if "node content" not in trouble.problem:
        return None
    if trouble.at_end or (trouble.here.startswith("- ") and not trouble.before.strip()):
        return _still_open(trouble)
    if trouble.here.startswith("-"):
        return says("a list within brackets has no dashes", trouble.at(), hint="write [a, b]")
    if trouble.here.startswith(":"):
        return says("a colon has no key before it", trouble.at())
    if trouble.here.startswith(","):
        return says("nothing stands before this comma", trouble.at(), hint="leave the comma out")
    return _closes_nothing(trouble)


def _still_open(trouble: Trouble) -> Diagnostic | None:
    """The innermost bracket that is open where the parser gave up."""
    found: list[tuple[int, int, str]] = []
    for number, line in enumerate([*trouble.lines[: trouble.line], trouble.before]):
        for piece in _PIECE.finditer(line):
            if piece[0] in _CLOSERS:
                found.append((number, piece.start(), piece[0]))
            elif piece[0] in _CLOSERS.values() and found:
                found.pop()
    if not found:
        return None
    line, column, opening = found[-1]
    return _never_closed(replace(trouble, start_line=line, start_column=column), opening)


def _closes_nothing(trouble: Trouble) -> Diagnostic | None:
    if trouble.here[:1] not in ("]", "}"):
        return None
    return says(f"`{trouble.here[0]}` closes nothing", trouble.at(), hint="leave it out")


def _tight_colon(trouble: Trouble) -> Diagnostic | None:
    if trouble.problem != "found unexpected ':'":
        return None
    message = "a colon needs a space after it"
    return says(message, trouble.at(), hint="write `key: value`")


EXPLAINERS = (_tight_colon, _unbalanced, _nothing, _closes_nothing)
