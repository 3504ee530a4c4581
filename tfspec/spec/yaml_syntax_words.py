"""Broken YAML within a word: quotes, escapes, tabs, and characters no text may begin with."""

from __future__ import annotations

import re

from tfspec.diagnostics import Diagnostic, Label
from tfspec.diagnostics.escape import escape, quoted
from tfspec.spec import yaml_traps
from tfspec.spec.yaml_trouble import Trouble, says

_ESCAPE = re.compile(r"\\[xuU]?[0-9a-zA-Z]{0,8}|\\.?")
_ENTRY = re.compile(r"[,{\[]|: ")
_LONGEST_KEY = 1024
_NAME_SIGNS = {"alias": "*", "anchor": "&"}


def _tab(trouble: Trouble) -> Diagnostic | None:
    if not trouble.here.startswith("\t"):
        return None
    width = len(trouble.here) - len(trouble.here.lstrip("\t"))
    if trouble.before.strip():
        return says("a tab stands where YAML takes only spaces", trouble.at(width=width))
    return says(
        "a line is indented by a tab, and YAML indents by spaces",
        trouble.at(width=width),
        hint="replace each tab by two spaces",
    )


def _open_quote(trouble: Trouble) -> Diagnostic | None:
    if "quoted scalar" not in trouble.context or "unexpected" not in trouble.problem:
        return None
    sign = trouble.opener[:1]
    return says(
        f"a text begins with {sign} and never ends",
        trouble.since("no quote like this one closes it"),
        hint=f"write {sign} where the text ends",
    )


def _escape(trouble: Trouble) -> Diagnostic | None:
    if "quoted scalar" not in trouble.context and "double-quoted" not in trouble.context:
        return None
    column = trouble.text(trouble.line).rfind("\\", 0, trouble.column + 1)
    found = _ESCAPE.match(trouble.text(trouble.line), max(column, 0))
    if not found:
        return None
    at = trouble.span(trouble.line, found.start(), len(found[0]))
    return bad_escape(found[0], Label(at))


def bad_escape(text: str, label: Label) -> Diagnostic:
    """`\\q` in double quotes."""
    return says(
        f"{quoted(text)} is no escape that YAML knows",
        label,
        hint="write \\\\ for a backslash, or put the text in single quotes",
    )


def _long_key(trouble: Trouble) -> Diagnostic | None:
    if not trouble.here.startswith(":") or len(_ENTRY.split(trouble.before)[-1]) < _LONGEST_KEY:
        return None
    return says("a key is longer than YAML allows, which is 1024 characters", trouble.at())


def _text_after_quote(trouble: Trouble) -> Diagnostic | None:
    last = trouble.before.rstrip()[-1:]
    if last not in ("'", '"') or not trouble.here or trouble.here[0] in ":]}":
        return None
    return says(
        "a text in quotes has ended, and more text follows",
        trouble.at("this is outside the quotes"),
        hint="put the whole text in quotes; within '...' write '' for a quote",
    )


def _no_beginning(trouble: Trouble) -> Diagnostic | None:
    stray_question = trouble.here.startswith("?")
    if "cannot start any token" not in trouble.problem and not stray_question:
        return None
    if trouble.here.startswith("```"):
        return says(
            "the file is Markdown: a spec has no ``` around it",
            trouble.at(width=3),
            hint="leave the lines with ``` out",
        )
    return says(
        f"a text may not begin with {escape(trouble.here[0])}",
        trouble.at(),
        hint='put the text in quotes: "..."',
    )


def _no_name(trouble: Trouble) -> Diagnostic | None:
    kind = trouble.context.removeprefix("while scanning an ")
    sign = _NAME_SIGNS.get(kind)
    if sign is None:
        return None
    return says(
        f"{quoted(sign)} begins the name of an {kind} in YAML, and here is no name",
        trouble.since(),
        hint="put the text in quotes if it is one",
    )


def _tag(trouble: Trouble) -> Diagnostic | None:
    if "tag" not in trouble.context and "tag" not in trouble.problem:
        return None
    word = trouble.opener.split(maxsplit=1)[0] if trouble.opener.strip() else ""
    return yaml_traps.tag(word, trouble.since(width=len(word)).span) if word else None


def _directive(trouble: Trouble) -> Diagnostic | None:
    line = min(trouble.line, trouble.start_line)
    number = line if trouble.text(line).startswith("%") else trouble.above(line)
    if not trouble.text(number).startswith("%"):
        return None
    return says(
        "a line that begins with % has no place in a spec",
        Label(trouble.span(number, 0, len(trouble.text(number)))),
        hint="leave the line out",
    )


def _block_text(trouble: Trouble) -> Diagnostic | None:
    if trouble.context != "while scanning a block scalar":
        return None
    sign = quoted(trouble.opener[:1])
    return says(
        f"{sign} begins a text of several lines, which starts on the next line",
        trouble.at(),
        hint=f"put the text in quotes if it begins with {sign}",
    )


EXPLAINERS = (
    _tab,
    _open_quote,
    _escape,
    _long_key,
    _directive,
    _no_beginning,
    _no_name,
    _tag,
    _block_text,
    _text_after_quote,
)
