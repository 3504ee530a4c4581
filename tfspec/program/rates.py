"""Rates of a spec as code: `d ** 0.5` is written 512**0.5, not as its long decimal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.graph.rates import PerLayer, Rate
from tfspec.program import expr as ex
from tfspec.spec.expression import Name, Negative, Number, RateExpr, Tree
from tfspec.spec.tree import folded
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering


def rate(low: Lowering, source: RateExpr, width: Dim) -> ex.Expr:
    """The expression with each size as its number; `width` is that of the value it works on."""
    return _expr(low, source.tree, {**low.graph.dims, "width": width})


def _expr(low: Lowering, tree: Tree, sizes: dict[str, Dim]) -> ex.Expr:
    match tree:
        case Number(value):
            return ex.Number(value, "factor")
        case Name(name):
            return low.number(sizes[name], "width" if name == "width" else name)
        case Negative(inner):
            return ex.Unary("-", _expr(low, inner, sizes))
        case _:
            left, right = _expr(low, tree.left, sizes), _expr(low, tree.right, sizes)
            return ex.Binary(tree.sign, left, right)


def number(value: Rate, role: str) -> ex.Number:
    """A rate in code: a number, or what it is in terms of the layer's index i."""
    if not isinstance(value, PerLayer):
        return ex.Number(value, role)
    text = _written(folded(value.moved)).text(ex.PLAIN)[0]
    return ex.Number(ex.Layered(text, value.layers, value.lead), role)


def _written(tree: Tree) -> ex.Expr:
    match tree:
        case Number(value):
            return ex.Name(repr(value))
        case Name(name):
            return ex.Name(name)
        case Negative(inner):
            return ex.Unary("-", _written(inner))
        case _:
            return ex.Binary(tree.sign, _written(tree.left), _written(tree.right))
