"""Coordinates of tokens: where each stands on an axis of its space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tfspec.graph.places import Place, place
from tfspec.graph.space import Part, Space
from tfspec.program import expr as ex
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim

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
            pieces.append(_padded(low, in_part(low, part, axis), before, Dim.of(0)))
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


def in_part(low: Lowering, part: Part, axis: str, *, new: bool = False) -> Value:
    """The index of every token of a part on an axis, 0 where the part is without it: [n] int64.

    `new`: of the new ones alone, while decoding.
    """
    alone = place(Space((), (part,)), 0, axis)
    if alone is not None:
        length = low.length(part)
        tokens = low.positions(length, Dim.of(0)) if new else low.range(length)
        return along(low, tokens, (alone,))
    options = (("dtype", ex.Name("torch.int64")), ("device", low.device()))
    length = low.length(part)
    call = ex.Call(ex.Name("torch.zeros"), (low.number(length, "tokens"),), options)
    return low.method.emit(call, (length,), "int64", NO_GRADIENT)


def along(low: Lowering, index: Value, places: Sequence[Place]) -> Value:
    """The coordinate of every token, by its index: of parts without the axis it is any number."""

    def there(place: Place) -> Value:
        itself = index.ref
        expr = in_place(low, itself, place, lambda size: low.number(size, "size"))
        return index if expr is itself else index.pointwise(expr, NO_GRADIENT)

    first, *rest = places
    found = there(first)
    for each in rest:  # from the last part back
        later = index.compare(">=", low.number(each.start, "start"))
        choice = (later, there(each), found)
        found = low.torch(
            "torch.where", *choice, shape=index.shape, saves=NO_GRADIENT, dtype="int64"
        )
    return found


def in_place(
    low: Lowering, index: ex.Expr, place: Place, size: Callable[[Dim], ex.Expr]
) -> ex.Expr:
    """(index - start) // step % extent, without what changes nothing; `size` writes a size."""
    found = index
    if low.fixed(place.start) != 0:
        found = ex.Binary("-", found, size(place.start))
    if low.fixed(place.step) != 1:
        found = ex.Binary("//", found, size(place.step))
    if not place.outer:
        found = ex.Binary("%", found, size(place.extent))
    return found
