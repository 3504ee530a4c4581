"""Coordinates of tokens: where each stands on an axis of its space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.graph.space import Part, Space
from tfspec.program import expr as ex
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering


def coordinate(low: Lowering, space: Space, axis: str) -> Value:
    """The index of every token on an axis, made once a forward: [N] int64.

    Tokens of a part without the axis have 0.
    """

    def build() -> Value:
        pieces: list[Value] = []
        before = Dim.of(0)  # tokens of parts without the axis, since the last one with it
        for part in space.parts:
            if all(each.name != axis for each in part.axes):
                before = before + part.length
                continue
            pieces.append(_padded(low, along(low, part, axis), before, Dim.of(0)))
            before = Dim.of(0)
        pieces[-1] = _padded(low, pieces[-1], Dim.of(0), before)
        if len(pieces) == 1:
            return pieces[0]
        joined = ex.Tuple(tuple(piece.ref for piece in pieces))
        shape = (space.length,)
        return low.torch("torch.cat", joined, shape=shape, saves=NO_GRADIENT, dtype="int64")

    return low.hoist(("coordinate", space, axis), f"at_{axis.lower()}", build)


def _padded(low: Lowering, index: Value, before: Dim, after: Dim) -> Value:
    """The index with zeros on both sides."""
    if before == 0 and after == 0:
        return index
    sides = ex.Tuple(tuple(low.number(size, "tokens") for size in (before, after)))
    shape = (before + index.shape[0] + after,)
    return low.torch("F.pad", index, sides, shape=shape, saves=NO_GRADIENT, dtype="int64")


def along(low: Lowering, part: Part, axis: str) -> Value:
    """The index of every token of a part on an axis, 0 where the part is without it: [n] int64."""
    names = [each.name for each in part.axes]
    if axis not in names:
        options = (("dtype", ex.Name("torch.int64")), ("device", low.device()))
        call = ex.Call(ex.Name("torch.zeros"), (low.number(part.length, "tokens"),), options)
        return low.method.emit(call, (part.length,), "int64", NO_GRADIENT)
    at = names.index(axis)
    index = low.range(part.length)
    inner = product(each.size for each in part.axes[at + 1 :])
    if low.fixed(inner) != 1:
        whole = ex.Binary("//", index.ref, low.number(inner, "size"))
        index = index.pointwise(whole, NO_GRADIENT)
    if at > 0:
        size = low.number(part.axes[at].size, "size")
        index = index.pointwise(ex.Binary("%", index.ref, size), NO_GRADIENT)
    return index
