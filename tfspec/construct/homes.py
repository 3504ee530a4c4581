"""Where shared weights live: at the root, or with an index in the layer that it speaks of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tfspec.construct.rates import Rates
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Span
from tfspec.graph.scope import Scope
from tfspec.spec.expression import ExpressionError, SizeExpr
from tfspec.symbolic import Dim

MOST = 10_000
"""Layers whose indices are looked at one by one."""


@dataclass(frozen=True)
class Home:
    """The scope that holds a share's weights. `numbers`: its index, in each layer of the scope."""

    scope: Scope
    numbers: tuple[int, ...] | None
    span: Span = field(compare=False)

    @property
    def repeats(self) -> bool:
        """Whether several layers have one index."""
        return self.numbers is not None and len(set(self.numbers)) < len(self.numbers)


def layer_around(scope: Scope) -> Scope:
    """The layer of a stream that a scope is in: one of a stack, or a block that stands alone."""
    chain = [scope]
    while chain[-1].parent is not None:
        chain.append(chain[-1].parent)
    below = chain[-2:-1]  # the root's own member
    listed = bool(below) and below[0].kind == "list"
    return chain[-3] if listed else chain[-2] if below else scope


def numbers(g: Rates, index: SizeExpr) -> tuple[int, ...]:
    """What an index comes to in each layer with weights of its own that is being built."""
    if g.layers is None or g.depth is None:
        if index.names.isdisjoint({"i", "n"}):
            raise g.not_yet("an index of weights outside a layer", index.span)
        raise g.no_layer(index)
    if g.depth.total is None:
        raise g.not_yet("a count of layers that depends on a width", index.span)
    if len(g.layers.indices) > MOST:
        what = f"an index of weights in more than {MOST:,} layers"
        raise g.not_yet(what, index.span, ["stack fewer layers, or share without an index"])
    found = tuple(_number(g, index, i, g.depth.total) for i in g.layers.indices)
    own = len(g.layers.own)
    if any(number != found[at % own] for at, number in enumerate(found)):
        raise g.not_yet("an index that differs in layers that share weights", index.span)
    return found[:own]


def _number(g: Rates, index: SizeExpr, i: int, n: int) -> int:
    env = {**g.dims, "i": Dim.of(i), "n": Dim.of(n)}
    if not index.names <= env.keys():
        raise g.not_yet("an index of weights that depends on a width", index.span)
    try:
        found = g.fixed(index.dim(env), index.span, "an index is one number")
    except ExpressionError as error:
        g.diagnostics.add(replace(error.diagnostic, notes=(f"where i = {i}",)))
        raise Stop from None
    value = g.facts.value(found)
    assert value is not None
    return value
