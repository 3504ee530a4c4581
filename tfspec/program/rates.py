"""Rates of a spec as code: `d ** 0.5` is written 512**0.5, not as its long decimal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.program import expr as ex
from tfspec.spec.expression import Name, Negative, Number, RateExpr, Tree
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
