"""How stacks of maps start: each matrix of a stack as a linear map's own, in one tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.program import expr as ex
from tfspec.program.starting import draw, rate_text

if TYPE_CHECKING:
    from tfspec.graph.graph import Graph
    from tfspec.graph.rates import Rate


def start(
    graph: Graph, role: str | Rate, empty: ex.Call, fan_in: ex.Expr, fan_out: ex.Expr
) -> ex.Expr:
    """First values of a stack [E, f, d], or of its biases [E, f], as code.

    nn.Linear draws both evenly between +-d ** -0.5; xavier_uniform_ looks at two axes alone.
    """
    init = graph.spec.init
    kind = "torch" if init is None else init.kind
    if role == "expert bias":
        zeros = init is not None and init.bias == "zeros"
        return ex.Call(ex.Name("torch.zeros"), empty.args) if zeros else _even(empty, _root(fan_in))
    if kind == "torch":
        return _even(empty, _root(fan_in))
    if kind == "xavier":
        share = ex.Binary("/", ex.Name("6"), ex.Binary("+", fan_in, fan_out))
        return _even(empty, ex.Binary("**", share, ex.Name("0.5")))
    shrinks = role == "expert residual" and init is not None and init.residual is not None
    factor = f" * {rate_text(graph, init.residual)}" if shrinks and init and init.residual else ""
    even = _root(fan_in).text(ex.PLAIN)[0]
    function, options = draw(graph, table=False, factor=factor, even=even)
    named = tuple((key, ex.Name(text)) for key, text in options)
    return ex.Call(ex.Name(f"nn.init.{function}"), (empty,), named)


def _root(size: ex.Expr) -> ex.Expr:
    return ex.Binary("**", size, ex.Name("-0.5"))


def _even(empty: ex.Call, bound: ex.Expr) -> ex.Expr:
    return ex.Call(ex.Name("nn.init.uniform_"), (empty, ex.Unary("-", bound), bound))
