"""Real numbers of a spec while its graph is built: of fixed sizes, and maybe of the layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tfspec.construct.sizes import Sizes
from tfspec.construct.stop import Stop
from tfspec.graph.rates import PerLayer, Rate
from tfspec.graph.tensor import Tensor
from tfspec.spec.expression import ExpressionError, RateExpr
from tfspec.spec.tree import filled

if TYPE_CHECKING:
    from tfspec.construct.layer_index import Depth, Layers


@dataclass(eq=False)
class Rates(Sizes):
    """What layers run now, of how many, and what numbers that speak of them are there."""

    layers: Layers | None = field(init=False, default=None)
    depth: Depth | None = field(init=False, default=None)
    rates: dict[tuple[RateExpr, tuple[tuple[str, int], ...], Layers], Rate] = field(
        init=False,
        default_factory=dict["tuple[RateExpr, tuple[tuple[str, int], ...], Layers]", "Rate"],
    )
    """Numbers that differ from layer to layer: the branches of a layer often ask for the same."""

    def rate(self, expr: RateExpr, x: Tensor | None = None) -> Rate:
        """A real number of the spec, of fixed sizes; in a layer it may speak of `i` and `n`."""
        sizes = self._rate_sizes(expr, x)
        if expr.names.isdisjoint({"i", "n"}):
            return self._real(expr, sizes)
        if self.layers is None or self.depth is None:
            raise self.no_layer(expr)
        if self.depth.total is None:
            raise self.not_yet("a count of layers that depends on a width", expr.span)
        sizes["n"] = self.depth.total
        if "i" not in expr.names:
            return self._real(expr, sizes)
        key = (expr, tuple(sizes.items()), self.layers)
        if key not in self.rates:
            self.rates[key] = self._by_layer(expr, sizes, self.layers)
        return self.rates[key]

    def _by_layer(self, expr: RateExpr, sizes: Mapping[str, int], layers: Layers) -> Rate:
        """A number that speaks of `i`, in each of some layers."""
        found = PerLayer(filled(expr.tree, sizes), layers.own, layers.lead)
        values = [self._real(expr, {**sizes, "i": i}) for i in layers.indices]
        if any(value != values[at % len(found.layers)] for at, value in enumerate(values)):
            raise self.not_yet("a number that differs in layers that share weights", expr.span)
        return found if len(set(values)) > 1 or len(found.layers) == 1 else values[0]

    def number(self, expr: RateExpr, x: Tensor | None = None) -> float:
        """A real number of the spec that is the same in every layer."""
        rate = self.rate(expr, x)
        if isinstance(rate, PerLayer):
            raise self.not_yet("a number here that depends on the layer", expr.span)
        return rate

    def rate_over(self, expr: RateExpr, layers: int) -> float:
        """A real number of the spec outside its streams, where n is a count of layers."""
        if "i" in expr.names:
            help = "write it without `i`: it is one number for all layers, of which there are `n`"
            raise self.no_layer(expr, "i", help=help)
        return self._real(expr, {**self._rate_sizes(expr, None), "n": layers})

    def _rate_sizes(self, expr: RateExpr, x: Tensor | None) -> dict[str, int]:
        """The fixed sizes that a rate speaks of."""
        found: dict[str, int] = {}
        for name in expr.names - {"i", "n"}:
            if name == "width" and x is not None:
                self.one_width(x, "`width`", expr.span)
            size = x.width if name == "width" and x is not None else self.dims.get(name)
            if size is None:
                raise self._no_width(expr) if name == "width" else Stop
            value = self.facts.value(self.fixed(size, expr.span, "a rate is one number"))
            assert value is not None
            found[name] = value
        return found

    def _real(self, expr: RateExpr, env: Mapping[str, float]) -> float:
        try:
            return expr.real(env)
        except ExpressionError as error:
            where = [f"{name} = {env[name]}" for name in ("i", "n") if name in expr.names]
            notes = (f"where {' and '.join(where)}",) if where else ()
            self.diagnostics.add(replace(error.diagnostic, notes=notes))
            raise Stop from None
