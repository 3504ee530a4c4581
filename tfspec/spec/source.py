"""A spec's file as text and nodes: read within bounds, whatever the path holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tfspec.diagnostics import Diagnostic, Label, Rule, Span
from tfspec.diagnostics.escape import escape
from tfspec.diagnostics.lines import split_lines
from tfspec.spec.file_reader import BINARY, MAX_BYTES, read_text, too_large
from tfspec.spec.located_values import (
    LocatedDict,
    LocatedFloat,
    LocatedInt,
    LocatedList,
    LocatedStr,
    plain,
)
from tfspec.spec.nodes import Mapping, Node, Scalar, Sequence
from tfspec.spec.yaml_reader import read_nodes

__all__ = [
    "LocatedDict",
    "LocatedFloat",
    "LocatedInt",
    "LocatedList",
    "LocatedStr",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "Source",
    "parse_text",
    "plain",
    "read",
]

EMPTY = Rule(
    "TS006",
    "an empty spec",
    "The file is empty, or holds only comments.",
    "There is no model in it.",
    "# to be written",
    "`tfspec show gpt2` prints a whole spec to start from.",
)

NOT_SECTIONS = Rule(
    "TS007",
    "not a mapping of sections",
    "The file holds a list or a single text.",
    "A spec is a mapping: `tfspec: 1`, `name`, `dims`, `inputs`, `blocks`, `streams`, `outputs`.",
    "- embed: 768\n- stack: {of: layer, depth: 12}",
    "Put it under its section: `streams:`, then `  text:`, then the list.",
)

_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Source:
    """A text and its nodes. `file` is the name for messages; no root where YAML itself failed."""

    file: str
    text: str
    root: Mapping | None


def read(path: str | Path) -> tuple[Source | None, list[Diagnostic]]:
    """The source of a file, and all that is wrong with it as a file and as YAML.

    No source (None) where there is no text to show: the file is missing, not a file, too large
    or binary. Never blocks, never reads more than 1 MB, raises nothing.
    """
    file = str(path)
    text, failure = read_text(path, file)
    if text is None:
        return None, [failure] if failure else []
    return (Source(file, text, None), [failure]) if failure else parse_text(text, file)


def parse_text(text: str, file: str = "<text>") -> tuple[Source, list[Diagnostic]]:
    """The source of a text at hand. Its root is None where the text is no mapping in YAML."""
    text = text.removeprefix("\ufeff")
    failure = _unfit(text, file)
    if failure:
        return Source(file, text, None), [failure]
    root, found = read_nodes(text, file)
    if not found and not isinstance(root, Mapping):
        found = [_no_sections(root, text, file)]
    return Source(file, text, root if isinstance(root, Mapping) else None), found


def _unfit(text: str, file: str) -> Diagnostic | None:
    """What keeps a text from being read as YAML at all."""
    if len(text) > MAX_BYTES:
        return too_large(file, len(text))
    control = _CONTROL.search(text)
    if not control:
        return None
    before = split_lines(text[: control.start()])
    line, column = len(before), len(before[-1]) + 1
    message = f"the control character {escape(control[0])} has no place in a spec"
    return Diagnostic(BINARY, message, Label(Span(file, line, column, line, column + 1)))


def _no_sections(root: Node | None, text: str, file: str) -> Diagnostic:
    hint = "a spec begins with `tfspec: 1`; `tfspec show gpt2` prints a whole one"
    if root is None or (isinstance(root, Scalar) and root.value is None and not root.text):
        message = "the file holds only comments" if "#" in text else "the file is empty"
        return Diagnostic(EMPTY, message, Label(Span.whole(file)), help=(hint,))
    what = "a list" if isinstance(root, Sequence) else "a single value"
    message = f"a spec is a mapping of sections, and this is {what}"
    return Diagnostic(NOT_SECTIONS, message, Label(root.span), help=(hint,))
