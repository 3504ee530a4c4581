"""The shape flow as plain text, Markdown and JSON; texts of a spec are text in each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tfspec.diagnostics.escape import escape, shorten
from tfspec.diagnostics.machine import json_text
from tfspec.passes.text_table import Column, joined, table

if TYPE_CHECKING:
    from tfspec.passes.shapes.rows import Row
    from tfspec.passes.shapes.shapes import Flow, Symbol
    from tfspec.symbolic import Dim

_TABLE = (
    Column("step", 40, gives=0),
    Column("tokens", 18, gives=3),
    Column("shape", 30, gives=2),
    Column("sizes", 30, gives=1),
    Column("parameters", 15, right=True),
)
"""No column needs more; names and formulas may be of any length."""
TITLES = tuple(column.title for column in _TABLE)


def text(flow: Flow) -> str:
    body = table(_TABLE, [_cells(flow, row) for row in flow.rows])
    return "\n".join([_title(flow), "", *body, "", *_legend(flow)])


def _title(flow: Flow) -> str:
    name = shorten(escape(flow.name), 40)
    return f"{name}, {flow.mode}: {flow.params:,} parameters"


def _cells(flow: Flow, row: Row) -> tuple[str, ...]:
    label = "  " * row.depth + row_label(row)
    shape = flow.graph.show(*row.shapes)
    return (escape(label), escape(row.tokens), escape(shape), sizes(flow, row), params(row))


def row_label(row: Row) -> str:
    """A block's with how often it runs: `Layer × 12`, `(Local, Full) × 6`, `Local`."""
    if row.count == 1:
        return row.label
    several = ", " in row.label
    return f"({row.label}) × {row.count}" if several else f"{row.label} × {row.count}"


def sizes(flow: Flow, row: Row) -> str:
    """2 × 16 × 768, or of each part: 2 × 16 × 768 + 2 × 9 × 1024"""
    return numbers(row.shapes, flow.bindings)


def numbers(shapes: Iterable[Sequence[Dim]], values: Mapping[str, int], style: str = "") -> str:
    """The same of a value's shapes; `style` is how a number is formatted."""
    each = (" × ".join(f"{size.value(values):{style}}" for size in shape) for shape in shapes)
    return " + ".join(each)


def params(row: Row) -> str:
    return "shared" if row.shared else f"{row.params:,}" if row.params else ""


def _legend(flow: Flow) -> list[str]:
    said = [escape(f"{symbol.name} = {meaning(symbol)}") for symbol in flow.symbols()]
    lines = joined(said)
    if any(row.count > 1 for row in flow.rows):
        lines.append("Rows under × n show one of n; the × n row counts the parameters of all.")
    return lines


def meaning(symbol: Symbol) -> str:
    """`1..1024, here 16`, or a formula and its value."""
    if symbol.meaning == str(symbol.value):
        return symbol.meaning
    if symbol.size is not None:
        return f"{symbol.meaning} = {symbol.value}"
    return f"{symbol.meaning}, here {symbol.value}"


# ---- Markdown
_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$-])")


def plain(text: str) -> str:
    """Text in which Markdown sees no markup."""
    return _MARKS.sub(r"\\\1", escape(text))


def code(text: str) -> str:
    """A code span inside a table: a bar would end the cell, and a backtick the span."""
    return f"`{escape(text).replace('|', '¦').replace('`', '´')}`"


def markdown(flow: Flow) -> str:
    lines = [f"**{plain(_title(flow))}**", "", f"| {' | '.join(TITLES)} |"]
    lines.append("|:---|:---|:---|:---|---:|")
    for row in flow.rows:
        label = "&emsp;" * row.depth + plain(row_label(row))
        cells = (label, code(row.tokens), code(flow.graph.show(*row.shapes)))
        lines.append(f"| {' | '.join(cells)} | {sizes(flow, row)} | {params(row)} |")
    lines += ["", "; ".join(f"{code(s.name)} = {plain(meaning(s))}" for s in flow.symbols())]
    return "\n".join(lines)


# ---- JSON
def as_json(flow: Flow) -> str:
    found = {
        "name": flow.name,
        "mode": flow.mode,
        "params": flow.params,
        "bindings": {symbol.name: symbol.value for symbol in flow.symbols()},
        "symbols": [
            {"name": symbol.name, "meaning": symbol.meaning, "value": symbol.value}
            for symbol in flow.symbols()
        ],
        "rows": [_object(flow, row) for row in flow.rows],
    }
    return json_text(found)


def _object(flow: Flow, row: Row) -> dict[str, object]:
    parts = [
        {"shape": _letters(flow, shape), "sizes": [size.value(flow.bindings) for size in shape]}
        for shape in row.parts
    ]
    return {
        "depth": row.depth,
        "kind": row.kind,
        "label": row.label,
        "tokens": row.tokens,
        "shape": _letters(flow, row.shape),
        "sizes": list(flow.sizes(row)),
        "params": row.params,
        "count": row.count,
        "shared": row.shared,
        **({"parts": parts} if parts else {}),
    }


def _letters(flow: Flow, shape: Iterable[Dim]) -> list[str]:
    return [flow.graph.names.show(size) for size in shape]
