"""Predicates as tensors of booleans: over the indices of queries and of keys, and over inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label
from tfspec.graph import mask_tree as mt
from tfspec.program import expr as ex
from tfspec.program.coordinates import along
from tfspec.program.predicate_inputs import laid
from tfspec.program.refusal import NotYet
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.spec.predicate import Side
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering


@dataclass(frozen=True)
class Asked:
    """Where a predicate is asked: the indices of the queries and keys, and the root's inputs.

    `rows` [N, 1] are made of `query` [N]; `query` and `key` [M] may be one value. What is made of
    them is made once for all that is asked at the same place.
    """

    low: Lowering
    query: Value
    key: Value
    given: Mapping[mt.Given, Value]

    def visible(self, tree: mt.Condition) -> Value:
        """Where the condition holds: booleans that broadcast to [batch..., h, N, M]."""
        match tree:
            case mt.And(parts):
                return reduce(lambda a, b: a & b, map(self.visible, parts))
            case mt.Or(parts):
                return reduce(lambda a, b: a | b, map(self.visible, parts))
            case mt.Not(mt.Compare(sign, left, right)):
                return self._compare(OPPOSITE[sign], left, right)
            case mt.Not(part):
                return ~self.visible(part)
            case mt.Causal():
                return self.index("key").compare("<=", self.index("query"))
            case mt.Within(size):
                distance = (self.index("query") - self.index("key")).absolute()
                return distance.compare("<", self.low.number(size, "window"))
            case mt.Member():
                return self._member(tree)
            case mt.Compare(sign, left, right):
                return self._compare(sign, left, right)
            case mt.Flag(given):
                return self._given(given)

    def index(self, side: Side) -> Value:
        """The index of every query [N, 1] or key [M] among its tokens."""
        return self.query.new_axes("k1") if side == "query" else self.key

    def _compare(self, sign: str, left: mt.Number, right: mt.Number) -> Value:
        a, b = self._number(left), self._number(right)
        if isinstance(a, Value):
            return a.compare(sign, b)
        assert isinstance(b, Value), "sizes alone are compared while the graph is made"
        return b.compare(MIRRORED[sign], a)

    def _member(self, member: mt.Member) -> Value:
        """Whether the index is in one of some stretches."""
        found = [self._between(member, *stretch) for stretch in member.ranges]
        return reduce(lambda a, b: a | b, found)

    def _between(self, member: mt.Member, first: int, last: int) -> Value:
        index, lengths = self.index(member.side), member.lengths
        start, stop = (sum(lengths[:at], Dim.of(0)) for at in (first, last))
        if stop - start == 1:
            return index.compare("==", self.low.number(start, "start"))
        if first == 0:
            return index.compare("<", self.low.number(stop, "stop"))
        later = index.compare(">=", self.low.number(start, "start"))
        if last == len(lengths):
            return later
        return later & index.compare("<", self.low.number(stop, "stop"))

    # ---- numbers
    def _number(self, number: mt.Number) -> Value | ex.Expr:
        """Whole numbers that broadcast to [batch..., h, N, M], or a size as it is written."""
        match number:
            case mt.Size(size):
                return self.low.number(size, "size")
            case mt.Index(side):
                return self.index(side)
            case mt.OnAxis():
                return self._coordinate(number)
            case mt.Given():
                return self._given(number)
            case mt.Absolute(inner):
                value = self._number(inner)
                assert isinstance(value, Value), "abs of a size is a size"
                return value.absolute()
            case mt.Arithmetic(sign, left, right):
                return self._arithmetic(sign, self._number(left), self._number(right))

    def _arithmetic(self, sign: str, a: Value | ex.Expr, b: Value | ex.Expr) -> Value:
        left, right = (x.ref if isinstance(x, Value) else x for x in (a, b))
        both = ex.Binary(sign, left, right)
        if isinstance(a, Value):
            return a.pointwise(both, NO_GRADIENT, *(x for x in (b,) if isinstance(x, Value)))
        assert isinstance(b, Value), "sizes alone are computed while the graph is made"
        return b.pointwise(both, NO_GRADIENT)

    def _coordinate(self, number: mt.OnAxis) -> Value:
        """A coordinate by side: [N, 1] or [M]. Queries that are the keys have the keys' own."""
        side, low = number.side, self.low
        base = self.key if side == "key" or self.query is self.key else self.query
        hint = f"{'key' if base is self.key else 'query'}_{number.axis.lower()}"
        key = ("coordinate", base, number.places)
        values = low.hoist(key, hint, lambda: along(low, base, number.places))
        if side == "key":
            return values
        return low.hoist(
            ("rows", *key), f"query_{number.axis.lower()}", lambda: values.new_axes("k1")
        )

    def _given(self, given: mt.Given) -> Value:
        if self.low.mode == "decode" and self._grows(self.given[given]):
            message = f"`{given}` in a mask is not supported yet with a cache"
            way = "mask by flags of the text, as `key.valid`, or ask for no decoding"
            raise NotYet.of(message, Label(given.span), way)
        return laid(self.low, given, self.given[given])

    def _grows(self, given: Value) -> bool:
        """Whether an input is along the text: earlier tokens' part of it is not given again."""
        return self.low.graph.token_axis.size in given.shape


OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
