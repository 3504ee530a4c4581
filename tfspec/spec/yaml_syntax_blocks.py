"""Broken YAML between lines: indentation, lists among keys, colons missing or too many."""

from __future__ import annotations

import re

from tfspec.diagnostics import Diagnostic, Label
from tfspec.diagnostics.escape import quoted
from tfspec.spec.yaml_trouble import Trouble, says

_GLUED = re.compile(r"\s*(?:- )?([A-Za-z_][\w-]*):([^\s:/]\S*)", re.ASCII)
_MORE = "more follows a value that has ended"
_CONTINUE = "put a colon at the end of the line above, and this line deeper than its text"
_COLON = re.compile(r":(?:\s|$)")


def _second_document(trouble: Trouble) -> Diagnostic | None:
    if "<document start>" not in trouble.problem:
        return None
    return says(
        "the spec has ended above, and more follows",
        trouble.at("this belongs to nothing"),
        hint="a file holds one spec; see that all keys of it line up, and leave `...` out",
    )


def _missing_colon(trouble: Trouble) -> Diagnostic | None:
    """A word alone on a line, among keys."""
    if trouble.context != "while scanning a simple key":
        return None
    return _glued(trouble, trouble.start_line) or _no_colon(trouble, trouble.start_line)


def _unexpected_colon(trouble: Trouble) -> Diagnostic | None:
    """A key where none can stand: within a value, or below one."""
    if "mapping values are not allowed" not in trouble.problem:
        return None
    if _COLON.search(trouble.before):
        return says(
            "one line has two colons",
            trouble.at("the second colon"),
            hint="put a text with a colon in quotes; keys on one line need braces: {a: 1, b: 2}",
        )
    above = trouble.above(trouble.line)
    return _glued(trouble, above) or _too_deep(trouble, above) or _no_colon(trouble, above)


def _glued(trouble: Trouble, line: int) -> Diagnostic | None:
    found = _GLUED.match(trouble.text(line))
    if not found:
        return None
    return says(
        "a colon needs a space after it",
        Label(trouble.span(line, found.start(1), found.end(2) - found.start(1))),
        hint=f"write {quoted(f'{found[1]}: {found[2]}')}",
    )


def _too_deep(trouble: Trouble, above: int) -> Diagnostic | None:
    indent, before = _indent(trouble.text(trouble.line)), _indent(trouble.text(above))
    text = trouble.text(above).strip()
    if indent <= before or not (_COLON.search(text) or text.startswith("- ")):
        return None
    has_key = _COLON.search(text)
    return says(
        "a line is indented deeper than the one above, which has its value already",
        Label(trouble.span(trouble.line, indent, max(trouble.column - indent, 1))),
        Label(trouble.span(above, before, len(text)), "the line above"),
        hint="line both up, or leave the value above out" if has_key else _CONTINUE,
    )


def _no_colon(trouble: Trouble, line: int) -> Diagnostic | None:
    text = trouble.text(line)
    if not text.strip():
        return None
    place = trouble.span(line, _indent(text), len(text.strip()))
    message = f"{quoted(text.strip())} stands among keys without a colon"
    return says(message, Label(place), hint="write it as `key: value`, or take it out")


def _dash(trouble: Trouble) -> Diagnostic | None:
    if "sequence entries are not allowed" not in trouble.problem:
        return None
    return says(
        "a list with dashes begins on a line of its own",
        trouble.at(),
        hint="move it to the next line, or write [a, b]",
    )


def _key_in_list(trouble: Trouble) -> Diagnostic | None:
    if trouble.context != "while parsing a block collection":
        return None
    if trouble.before.strip():
        return says(_MORE, trouble.at())
    return says(
        "a line stands among the items of a list and has no dash",
        trouble.at(width=_first_word(trouble)),
        trouble.since("the list begins here"),
        hint="begin it with `- `, or indent it as what it belongs to",
    )


def _misplaced(trouble: Trouble) -> Diagnostic | None:
    """A line whose indentation fits none above, or a dash among keys."""
    if trouble.context != "while parsing a block mapping":
        return None
    if trouble.before.strip():
        return says(_MORE, trouble.at())
    if trouble.here.startswith("- ") and trouble.column == trouble.start_column:
        what, way = "a list item stands among keys", "line its dash up with the other dashes"
    elif trouble.here.startswith(":"):
        what, way = "a colon has no key before it", "write a name before it"
    else:
        what = "the indentation of a line fits no line above"
        way = "indent it by as many spaces as the lines that it belongs with"
    primary = trouble.at(width=_first_word(trouble))
    return says(what, primary, trouble.since("the keys begin here"), hint=way)


def _first_word(trouble: Trouble) -> int:
    return len(trouble.here.split(maxsplit=1)[0]) if trouble.here.strip() else 1


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


EXPLAINERS = (
    _second_document,
    _missing_colon,
    _unexpected_colon,
    _dash,
    _key_in_list,
    _misplaced,
)
