"""Conditions on the tokens of one value as tensors: where they hold, and where they hold first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tfspec.graph import mask_tree as mt
from tfspec.graph.mask import Mask
from tfspec.program import expr as ex
from tfspec.program.method import origin
from tfspec.program.predicate_inputs import by_token
from tfspec.program.predicates import Asked
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering


@dataclass(frozen=True)
class OfTokens(Asked):
    """A condition asked of tokens alone: booleans that broadcast to [batch..., N]."""

    def _given(self, given: mt.Given) -> Value:
        value = by_token(self.low, given, self.given[given])
        return value if "1" not in given.batch else value.new_axes(given.batch + "k")


def tensor(low: Lowering, condition: Mask, n: Dim, flags: Sequence[Value]) -> Value:
    """Where a condition holds, [..., N]: to be made where its inputs are."""
    given = {given: origin(value) for given, value in zip(condition.flags, flags, strict=True)}
    index = low.positions(n) if low.mode == "decode" else low.range(n)
    return OfTokens(low, index, index, given).visible(condition.tree)


def of_tokens(low: Lowering, condition: Mask, n: Dim, flags: Sequence[Value]) -> Value:
    """Where a condition holds, for vectors of the tokens: [..., N, 1], made once a forward."""

    def build() -> Value:
        holds = tensor(low, condition, n, flags)
        return holds.new_axes("k" * len(holds.shape) + "1")

    key = ("tokens", condition, n, low.before, tuple(map(origin, flags)))
    return low.hoist(key, "at", build)


def place(
    low: Lowering,
    which: Literal["first", "last"],
    condition: Mask,
    n: Dim,
    flags: Sequence[Value],
) -> Value:
    """The index of the first or last token of which it is true, made once a forward: [...] int64.

    0 where it is true of none. `argmax` gives the first of equal ones.
    """

    def build() -> Value:
        holds = tensor(low, condition, n, flags)
        number = ex.Call(ex.Attribute(holds.ref, "int"))
        ranked = holds.fresh(number, holds.shape, NO_GRADIENT, "int32")
        if which == "last":
            later = ex.Binary("*", holds.ref, low.range(n).ref)
            ranked = holds.fresh(later, holds.shape, NO_GRADIENT, "int64")
        call = ex.Call(ex.Attribute(ranked.ref, "argmax"), (), (("dim", ex.Name("-1")),))
        return ranked.fresh(call, holds.shape[:-1], NO_GRADIENT, "int64")

    return low.hoist((which, condition, n, tuple(map(origin, flags))), which, build)
