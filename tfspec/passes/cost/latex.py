"""Costs as a LaTeX table: blocks with their shares, and the formulas under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.passes.cost.groups import By
from tfspec.passes.cost.names import CONVENTION
from tfspec.passes.cost.text import scaled, symbols
from tfspec.passes.shapes.latex import words
from tfspec.symbolic import sym

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost, Quantity, Row


def latex(cost: Cost, by: By = "layer") -> str:
    """A tabular in a table that needs no package; its caption has the whole model's formulas."""
    rows = [rf"    {_cells(cost, row)} \\" for row in cost.grouped(by)]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \begin{tabular}{lrrr}",
            r"    \hline",
            r"    step & parameters & FLOPs & share \\",
            r"    \hline",
            *rows,
            r"    \hline",
            r"  \end{tabular}",
            rf"  \caption{{{_caption(cost)}}}",
            r"\end{table}",
        ]
    )


def _cells(cost: Cost, row: Row) -> str:
    flops, total = cost.number(cost.of_mode(row.work)), cost.number(cost.flops)
    label = f"{row.label} × {row.count}" if row.count > 1 else row.label
    indent = rf"\hspace*{{{row.depth}em}}" if row.depth else ""
    params = "shared" if row.shared else f"{cost.number(row.params):,}" if row.params.terms else ""
    share = rf"{flops / total:.1%}".replace("%", r"\%") if flops else ""
    return f"{indent}{words(label)} & {params} & {scaled(flops, '') if flops else ''} & {share}"


def _caption(cost: Cost) -> str:
    said = "; ".join(_formula(each) for each in cost.quantities if each.unit != "bytes")
    where = ", ".join(_symbol(cost, name) for name in symbols(cost))
    convention = words(CONVENTION[0].upper() + CONVENTION[1:])
    return f"{words(cost.name)}, {cost.mode}: {said}. Here {where}. {convention}."


def _symbol(cost: Cost, name: str) -> str:
    """$N = 1 + M = 197$"""
    size = cost.letters.get(name)
    middle = "" if size is None else f" = {size.latex()}"
    return f"${sym(name).latex()}{middle} = {cost.values[name]}$"


def _formula(each: Quantity) -> str:
    number = f"{each.value:,}".replace(",", "{,}")
    unit = "" if each.unit == each.name else f" {each.unit}"
    return rf"{each.name}{unit} ${each.formula.latex()} = {number}$"
