"""Predicates over the tokens of one value: those that `splice` replaces, or `take` looks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.construct.rules import NO_AXIS
from tfspec.diagnostics import Rule, Span
from tfspec.graph import mask_tree as mt
from tfspec.graph.mask_guards import total
from tfspec.graph.mask_pairs import Pairs
from tfspec.graph.tensor import Tensor
from tfspec.layers.attend_mask import Reading
from tfspec.layers.base import Layer
from tfspec.layers.mask_names import MaskNames
from tfspec.spec import predicate as sp

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

ORDER = Rule(
    "TS272",
    "an order of tokens in a condition on single tokens",
    "`causal` or `within` is used in `at` of a `splice`, or in `first` or `last` of a `take`.",
    "They compare a query with a key, and these steps ask each token by itself.",
    "splice: {at: causal, from: {learn: {width: 64}}}",
    "Say which tokens: a flag, a part, or a comparison such as `pos < 4` or `tokens == slot`.",
)


def read_tokens(g: Builder, layer: Layer, predicate: sp.Predicate, x: Tensor) -> mt.Answer:
    """The condition of the graph, asked of the tokens of x as queries."""
    pairs = Pairs(g.facts, x.space, x.space, own=True)
    names = MaskNames(g, pairs, predicate.span)
    asked = Reading(g, layer, names).condition(_of_tokens(g, x, predicate.tree))
    return asked if isinstance(asked, bool) else total(pairs, asked)


def _of_tokens(g: Builder, x: Tensor, tree: sp.Condition) -> sp.Condition:
    """The condition as a mask has it that asks the query alone."""
    match tree:
        case sp.And(parts):
            return sp.And(tuple(_of_tokens(g, x, part) for part in parts))
        case sp.Or(parts):
            return sp.Or(tuple(_of_tokens(g, x, part) for part in parts))
        case sp.Not(part):
            return sp.Not(_of_tokens(g, x, part))
        case sp.Flag(_, name, span):
            if name in g.spec.inputs:
                _check_axes(g, x, name, span)
            else:
                g.part(x, name, span)
            return sp.Flag("query", name, span)
        case sp.Compare(sign, left, right, span):
            return sp.Compare(sign, _own(g, x, left), _own(g, x, right), span)
        case sp.Causal() | sp.Within():
            message = f"`{tree}` compares a query with a key, and here is one token"
            help = ["write a flag, a part, or a comparison such as `pos < 4`"]
            raise g.refuse(ORDER, message, tree.span, help=help)


def _own(g: Builder, x: Tensor, value: sp.Value) -> sp.Value:
    """A bare name is the token's own, or a dim."""
    match value:
        case sp.Coordinate(_, name, span):
            if name != "pos" and x.space.axis(name) is None and name in g.dims:
                return value
            _check_axes(g, x, name, span)
            return sp.Coordinate("query", name, span)
        case sp.Absolute(inner):
            return sp.Absolute(_own(g, x, inner))
        case sp.Arithmetic(sign, left, right, span):
            return sp.Arithmetic(sign, _own(g, x, left), _own(g, x, right), span)
        case _:
            return value


def _check_axes(g: Builder, x: Tensor, name: str, place: Span) -> None:
    """The tokens have the axis, or those of the input, or the spec is refused."""
    given = g.values[name].space if name in g.spec.inputs else None
    wanted = [name] if given is None else [axis.name for axis in given.parts[0].axes]
    missing = [axis for axis in wanted if axis != "pos" and x.space.axis(axis) is None]
    if missing:
        over = "" if given is None else f", which `{name}` is over"
        known = ", ".join(axis.name for part in x.space.parts for axis in part.axes)
        message = f"the value here has no axis `{missing[0]}`{over}"
        raise g.refuse(NO_AXIS, message, place, help=[f"its axes: {known}"] if known else [])
