"""Experts: a feed-forward of which each token uses a few of many (Shazeer et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.construct.rules import IDLE_KNOB
from tfspec.layers.dropout import dropped
from tfspec.layers.router import Router
from tfspec.layers.router_checks import HALF_GIVEN
from tfspec.ops.experts import ExpertBias, ExpertLinear, ToExperts, WeightedSum
from tfspec.ops.pointwise import Activation, Add, Multiply
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.layers.ffn import Ffn

DOC = "Each token goes through its best experts, as the router weighs them."
DOC_SHARED = "Each token goes through its best experts, and through those that all tokens share."


def check_dense(g: Builder, layer: Ffn) -> None:
    """Refuse knobs that speak of experts where there are none."""
    for knob in ("top_k", "shared", "router"):
        if getattr(layer, knob) is not None:
            message = f"`{knob}` changes nothing without `experts`"
            help = ["leave it out", "or give `experts`: how many there are"]
            raise g.refuse(IDLE_KNOB, message, layer.key_span(knob), help=help)


def mixture(g: Builder, layer: Ffn, x: Tensor) -> Tensor:
    """The sum over a token's experts e of weight_e · down_e(act(up_e(x))), and what is shared."""
    assert layer.experts is not None, "the caller has looked"
    if layer.top_k is None:
        message = "`experts` is given, and `top_k` is not"
        help = ["give `top_k`: how many of them a token uses"]
        raise g.refuse(HALF_GIVEN, message, layer.key_span("experts"), help=help)
    count = g.fixed_size(layer.experts, x)
    router = layer.router or Router.read({})
    chosen, weights = router.route(g, x, count, layer.top_k)
    rows = _Maps(layer.biased(g), count, chosen).network(g, layer, x)
    y = WeightedSum()(rows, weights, chosen)
    if layer.shared is None:
        return y
    shared = g.fixed(g.size(layer.shared, x, least=0), layer.shared.span)
    if g.facts.value(shared) == 0:
        return y
    hidden = shared * g.fixed_size(layer.hidden, x)
    return Add()(y, layer.dense(g, "shared", x, hidden))


class _Maps:
    """The maps of all experts: one call of `linear` is one stack."""

    def __init__(self, biased: bool, count: Dim, chosen: Tensor) -> None:
        self.biased, self.count, self.chosen = biased, count, chosen

    def network(self, g: Builder, layer: Ffn, x: Tensor) -> Tensor:
        """down(act(up(x))), or down(act(gate(x)) · up(x)), of each token's experts."""
        hidden = g.fixed_size(layer.hidden, x)
        act = Activation(layer.plain_act)
        rows = ToExperts()(x, self.chosen)
        if layer.is_gated:
            gate, up = (self.linear(rows, hidden, role) for role in ("gate", "up"))
            y = Multiply()(act(gate), up)
        else:
            y = act(self.linear(rows, hidden, "up"))
        return self.linear(dropped(g, layer.dropout, y), x.width, "down")

    def linear(self, rows: Tensor, width: Dim, name: str) -> Tensor:
        ends = name == "down"
        role = None if ends else name
        y = ExpertLinear(self.count, width, ends, role)(rows, self.chosen, name=name)
        if not self.biased:
            return y
        bias = ExpertBias(self.count, rows.width, role)
        return bias(y, self.chosen, name=f"{name}_bias")
