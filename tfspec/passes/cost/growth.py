"""How a model's FLOPs grow with its length and its width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfspec.graph.trace import inner_traces
from tfspec.passes.cost import terms
from tfspec.symbolic import Dim, sym

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost


@dataclass(frozen=True)
class Growth:
    """How FLOPs grow in a symbol (`O(N²·d)`), and where the leading terms overtake the rest.

    `what` is `length` or `width`. `overtakes` is None where the leading terms never do, or always.
    `of` is `dense`, or `needed` where windows make the growth another one beyond their size;
    `where` says from or up to which length it grows so, and is empty for all lengths.
    """

    what: str
    symbol: str
    order: str
    overtakes: int | None
    of: str = "dense"
    where: str = ""


def growth(cost: Cost) -> tuple[Growth, ...]:
    """For each length by which the FLOPs grow fastest, and for the width."""
    formula = _by_width(cost, cost.flops)
    lengths = _lengths(cost, formula)
    widths = _widths(cost, formula)
    shown = [*lengths, *widths]
    found = [_of(cost, "length", name, formula, shown) for name in lengths]
    found += [each for name in lengths for each in _regimes(cost, name, shown)]
    return (*found, *(_of(cost, "width", name, formula, shown) for name in widths))


def _of(cost: Cost, what: str, symbol: str, formula: Dim, shown: list[str]) -> Growth:
    order = terms.order(formula, symbol, shown)
    quadratic = what == "length" and terms.degree(formula, symbol) > 1
    at = _overtaken(cost, symbol, formula) if quadratic else None
    return Growth(what, symbol, order, at)


def _overtaken(cost: Cost, symbol: str, formula: Dim) -> int | None:
    """From which length on its leading terms are half of all, whatever varies with it varying too:
    of T + 4 tokens also the T that the head reads."""
    size = cost.letters.get(symbol, sym(symbol))
    driver, along = _along(cost, symbol, size)
    part = terms.leading(formula, symbol)
    at = terms.overtakes(part.subs(along), (formula - part).subs(along), driver, cost.values)
    if at is None or driver == symbol:
        return at
    return size.value({**cost.values, driver: at})


def _along(cost: Cost, symbol: str, size: Dim) -> tuple[str, dict[str, Dim]]:
    """The dim by which a length varies, and by it the letters that vary too. Where that is none or
    several it is the length, and with it vary those that differ from it by a number."""
    domains = cost.graph.facts.domains
    varying = [n for n in size.symbols if n in domains and domains[n].low != domains[n].high]
    if len(varying) == 1:
        (driver,) = varying
        return driver, {name: of for name, of in cost.letters.items() if driver in of.symbols}
    apart = {name: of - size for name, of in cost.letters.items() if name != symbol}
    near = {name: sym(symbol) + by for name, by in apart.items() if not by.symbols}
    return symbol, near


def _regimes(cost: Cost, symbol: str, shown: list[str]) -> list[Growth]:
    """What masks leave grows in one way inside of a window, and in another beyond it."""
    needed = _by_width(cost, cost.work.needed)
    found = terms.regimes(needed, symbol, cost.values)
    if found is None:
        return []
    sides = ((f"{symbol} < {found.first}", found.below), (f"{symbol} ≥ {found.last}", found.above))
    return [
        Growth("length", symbol, terms.order(side, symbol, shown), None, "needed", where)
        for where, side in sides
    ]


def _lengths(cost: Cost, formula: Dim) -> list[str]:
    """Numbers of tokens: letters, dims that are an axis of tokens, and a cache's slots."""
    axes = {
        axis.size.name
        for tensor in (*cost.graph.streams.values(), *cost.graph.inputs)
        for axis in tensor.space.token_axes
        if axis.size.name
    }
    if cost.graph.on_grid:
        axes.add(cost.graph.token_axis.name)
    known = [*cost.letters, *sorted(axes)]
    if cost.mode == "decode":  # new tokens come one by one: what grows is the text before them
        known = [cost.graph.slots_name]
    degrees = {name: terms.degree(formula, name) for name in known}
    most = max(degrees.values(), default=0)
    return [name for name, power in degrees.items() if power == most and power > 0]


def _widths(cost: Cost, formula: Dim) -> list[str]:
    """Dims that the width of a stack or of a block is, or is a multiple of; else a stream's."""
    trunk = [
        tensor
        for node in cost.graph.trace.body if inner_traces(node.op)
        for tensor in node.inputs[:1]
    ]  # fmt: skip
    tensors = trunk or [tensor for tensor in cost.graph.streams.values() if tensor.axes]
    widths = [width.symbols for tensor in tensors for width in tensor.each_width]
    found = dict.fromkeys(name for names in widths if len(names) == 1 for name in names)
    return [name for name in found if terms.degree(formula, name) > 0]


def _by_width(cost: Cost, formula: Dim) -> Dim:
    """Dims that are declared by others written so: f as 4·d."""
    graph = cost.graph
    declared = {
        name: decl.size.dim(graph.dims)
        for name, decl in graph.spec.dims.items()
        if decl.size is not None and decl.size.names
    }
    for _ in declared:
        formula = formula.subs(declared)
    return formula
