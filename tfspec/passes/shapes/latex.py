"""The shape flow as a LaTeX table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tfspec.diagnostics.escape import escape
from tfspec.graph.names import written
from tfspec.passes.shapes.text import TITLES, params, row_label, sizes
from tfspec.symbolic import Dim, sym

if TYPE_CHECKING:
    from tfspec.passes.shapes.rows import Row
    from tfspec.passes.shapes.shapes import Flow, Symbol

_SIGNS = {
    "<=": r"$\leq$",
    ">=": r"$\geq$",
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "−": r"$-$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
} | {sign: f"\\{sign}" for sign in "#$%&_"}

_SIGN = re.compile("|".join(map(re.escape, _SIGNS)))  # those of two characters stand first


def latex(flow: Flow) -> str:
    """A tabular in a table, with a caption that has the legend."""
    rows = [rf"    {_cells(flow, row)} \\" for row in flow.rows]
    head = rf"    {' & '.join(TITLES)} \\"
    return "\n".join(
        [
            r"\begin{table}",
            r"  \begin{tabular}{llllr}",
            r"    \hline",
            head,
            r"    \hline",
            *rows,
            r"    \hline",
            r"  \end{tabular}",
            rf"  \caption{{{_caption(flow)}}}",
            r"\end{table}",
        ]
    )


def _cells(flow: Flow, row: Row) -> str:
    indent = rf"\hspace*{{{row.depth}em}}" if row.depth else ""
    shape = written(row.shapes, lambda each: size(flow, each))
    numbers = sizes(flow, row).replace("×", r"\times")
    cells = [indent + words(row_label(row)), words(row.tokens), f"${shape}$", f"${numbers}$"]
    return " & ".join([*cells, words(params(row))])


def size(flow: Flow, dim: Dim) -> str:
    """One size as mathematics, by its letter where it has one."""
    letter = flow.graph.names.by_size.get(dim)
    return sym(letter).latex() if letter else dim.latex()


def words(text: str) -> str:
    """Text in which LaTeX sees no command."""
    return _SIGN.sub(lambda found: _SIGNS[found[0]], escape(text))


def _caption(flow: Flow) -> str:
    said = "; ".join(_meaning(symbol) for symbol in flow.symbols())
    return f"{words(flow.name)}, {flow.mode}: {flow.params:,} parameters. {said}."


def _meaning(symbol: Symbol) -> str:
    name = sym(symbol.name).latex()
    if symbol.size is not None:
        return f"${name} = {symbol.size.latex()} = {symbol.value}$"
    if symbol.meaning == str(symbol.value):
        return f"${name} = {symbol.value}$"
    return f"${name}$: {words(symbol.meaning)}, here {symbol.value}"
