"""Diagnostics for programs: the JSON of `check --format json`, and GitHub's workflow lines."""

from __future__ import annotations

import json
from typing import Any

from tfspec.diagnostics.diagnostic import Diagnostic
from tfspec.diagnostics.escape import escape


def json_text(value: Any) -> str:
    """A value as indented JSON; in its texts what is not visible stands as an escape."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def to_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """One object of `diagnostics`; a message without a line has null in its place.

    Lines and columns count from 1, in characters, the end is exclusive. What the text shows
    beside the places is in `notes`.
    """
    span = diagnostic.span
    has_line = span is not None and not span.is_whole
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": span.file if span else None,
        "line": span.line if span and has_line else None,
        "column": span.column if span and has_line else None,
        "end_line": span.end_line if span and has_line else None,
        "end_column": span.end_column if span and has_line else None,
        "notes": _notes(diagnostic),
        "help": list(diagnostic.help),
    }


def to_github(diagnostic: Diagnostic) -> str:
    """One line that GitHub Actions shows beside the source: `::error file=a,line=1::text`."""
    level = "notice" if diagnostic.severity == "note" else diagnostic.severity
    fields = {"title": diagnostic.code, **_github_place(diagnostic)}
    listed = ",".join(f"{name}={_github_field(value)}" for name, value in fields.items())
    helps = [f"help: {text}" for text in diagnostic.help]
    message = ". ".join([diagnostic.message, *_notes(diagnostic), *helps])
    return f"::{level} {listed}::{_github_text(message)}"


def _notes(diagnostic: Diagnostic) -> list[str]:
    primary = [diagnostic.primary.text] if diagnostic.primary and diagnostic.primary.text else []
    others = [f"{label.text} ({label.span})".lstrip() for label in diagnostic.secondary]
    return [*primary, *others, *diagnostic.notes]


def _github_place(diagnostic: Diagnostic) -> dict[str, str]:
    span = diagnostic.span
    if span is None or span.is_whole:
        return {"file": span.file} if span else {}
    place = {"file": span.file, "line": span.line, "endLine": span.end_line, "col": span.column}
    if span.line == span.end_line and span.end_column > span.column:
        place["endColumn"] = span.end_column - 1  # GitHub's ends are inclusive
    return {name: str(value) for name, value in place.items()}


def _github_text(text: str) -> str:
    return escape(text).replace("%", "%25")


def _github_field(text: str) -> str:
    return _github_text(text).replace(":", "%3A").replace(",", "%2C")
