"""A difference as text and as JSON; texts of a spec are text in each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from tfspec.diagnostics.escape import escape, shorten
from tfspec.diagnostics.machine import json_text

if TYPE_CHECKING:
    from tfspec.passes.diff.diff import Component, Diff, Difference
    from tfspec.passes.diff.knobs import Change

COLUMNS = 100
_LABEL = 26
_COLORS = {"+": "32", "-": "31"}
Rows = Iterable[tuple[str, str | None, str | None]]


def text(diff: Diff, color: bool = False) -> str:
    """Sections for what differs; one line where nothing does."""
    a, b = (shorten(escape(name), 40) for name in (diff.a, diff.b))
    if diff.same and not diff.renamed:
        return f"{a} and {b} do not differ: {diff.params.a:,} parameters"
    lines = textwrap.wrap(f"{a} -> {b}: {_total(diff)}", COLUMNS)
    changed = {each.name for each in diff.dims}
    renamed = [(x, y) for x, y in diff.renamed if f"{x} -> {y}" not in changed]
    lines += _section("dims", [*(("renamed", x, y) for x, y in renamed), *_rows(diff.dims)])
    lines += _section("inputs", _rows(diff.inputs))
    for path, found in groupby(diff.structure, lambda each: each.path):
        title = " / ".join(path) if path else "streams and outputs"
        lines += _section(title, ((_name(each), each.a, each.b) for each in found))
    for title, found in (("shapes of outputs", diff.outputs), ("init and assumptions", diff.rest)):
        lines += _section(title, _rows(found))
    if diff.params.difference:
        lines += ["", *_table(diff, a, b)]
    return "\n".join(map(_colored, lines) if color else lines)


def _total(diff: Diff) -> str:
    total = diff.params
    if not total.difference:
        return f"{total.a:,} parameters in both"
    return f"{total.a:,} -> {total.b:,} parameters ({total.difference:+,}, {percent(total)})"


def percent(component: Component) -> str:
    """+169.3%"""
    value = component.percent
    if value is None:
        return "new"
    return f"{value:+.1f}%" if abs(value) >= 0.05 or not value else f"{value:+.1g}%"


def _rows(found: Iterable[Change]) -> Rows:
    return ((each.name, each.a, each.b) for each in found)


def _name(each: Difference) -> str:
    """A knob's name; a step's text has its own, and a whole stream is told by its name."""
    if each.kind == "changed":
        return each.name
    return "" if each.path else f"{each.name}: "


def _section(title: str, rows: Rows) -> Iterator[str]:
    every = list(rows)
    if every:
        yield from ("", shorten(escape(title), COLUMNS))
    for name, a, b in every:
        yield from _row(name, a, b)


def _row(name: str, a: str | None, b: str | None) -> list[str]:
    """`  d   768 -> 1024`; a step that only one has behind its sign; long ones in several lines."""
    if a is None or b is None:
        sign, step = ("+", b or "") if a is None else ("-", a)
        said = escape(f"{sign} {name}{step}")
        return textwrap.wrap(said, COLUMNS - 2, initial_indent="  ", subsequent_indent="    ")
    label, one, other = (escape(each) for each in (name, a, b))
    line = f"  {label:<{_LABEL}}  {one} -> {other}"
    if len(line) <= COLUMNS:
        return [line]
    indent = " " * 6
    wrap = textwrap.TextWrapper(COLUMNS, initial_indent=indent, subsequent_indent=indent)
    before = textwrap.TextWrapper(COLUMNS, initial_indent="   -> ", subsequent_indent=indent)
    return [f"  {shorten(label, COLUMNS - 2)}", *wrap.wrap(one), *before.wrap(other)]


def _table(diff: Diff, a: str, b: str) -> Iterator[str]:
    """Parameters by component, and the total."""
    titles = ("parameters", shorten(a, 20), shorten(b, 20), "difference", "")
    rows = [titles, *(_cells(each) for each in (*diff.components, diff.params))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        yield "  ".join(cells).rstrip()


def _cells(each: Component) -> tuple[str, ...]:
    name = shorten(escape(each.name), 24)
    difference = f"{each.difference:+,}" if each.difference else "same"
    return (
        name,
        f"{each.a:,}",
        f"{each.b:,}",
        difference,
        percent(each) if each.difference else "",
    )


def _colored(line: str) -> str:
    color = _COLORS.get(line[2:3]) if line.startswith("  ") else None
    if color is not None and line[3:4] == " ":
        return f"\x1b[{color}m{line}\x1b[0m"
    return line if line.startswith(" ") or not line else f"\x1b[1m{line}\x1b[0m"


# ---- JSON
def as_json(diff: Diff) -> str:
    """The whole difference, nothing cut."""
    components = [{"name": each.name, **_counts(each)} for each in diff.components]
    found = {
        "a": diff.a,
        "b": diff.b,
        "same": diff.same,
        "renamed": [{"a": a, "b": b} for a, b in diff.renamed],
        "dims": _listed(diff.dims),
        "inputs": _listed(diff.inputs),
        "structure": [_difference(each) for each in diff.structure],
        "outputs": _listed(diff.outputs),
        "rest": _listed(diff.rest),
        "params": {"total": _counts(diff.params), "components": components},
    }
    return json_text(found)


def _listed(found: Iterable[Change]) -> list[dict[str, str]]:
    return [{"name": each.name, "a": each.a, "b": each.b} for each in found]


def _difference(each: Difference) -> dict[str, object]:
    return {
        "path": list(each.path),
        "name": each.name,
        "kind": each.kind,
        "a": each.a,
        "b": each.b,
    }


def _counts(each: Component) -> dict[str, object]:
    return {"a": each.a, "b": each.b, "difference": each.difference, "percent": each.percent}
