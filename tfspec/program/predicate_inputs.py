"""Inputs that a predicate reads, laid along the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label
from tfspec.graph import mask_tree as mt
from tfspec.program import expr as ex
from tfspec.program.refusal import NotYet
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering

FLAGS = '''def flags(given, *shape, device):
    """The flags as given; all true where there are none."""
    if given is None:
        return torch.ones(shape, dtype=torch.bool, device=device)
    return given
'''


def laid(low: Lowering, given: mt.Given, value: Value) -> Value:
    """The input by query and key: [batch..., 1, queries or 1, keys or 1]."""
    kept = ("k" if given.query else "1") + ("k" if given.key else "1")
    return by_token(low, given, value).new_axes(given.batch + "1" + kept)


def by_token(low: Lowering, given: mt.Given, value: Value) -> Value:
    """The input by query, key or both. Tokens that it says nothing of have true, or 0."""
    _check_whole(low, given, value)
    value = _flags(low, value) if value.optional else value
    if given.query and low.mode == "decode":
        value = _of_new(low, given, value)
    if not given.plain:  # queries and keys that are the same tokens have the same
        key = ("along", value, given.order, given.batch, *filter(None, (given.query, given.key)))
        value = low.hoist(key, given.name, lambda inner=value: _along(low, given, inner))
    return value


def _check_whole(low: Lowering, given: mt.Given, value: Value) -> None:
    """Raises NotYet for inputs of a part, or of a grid, where new tokens come alone."""
    several = any(grid.length != grid.total for grid in (*given.query, *given.key))
    flat = low.graph.on_grid and low.graph.token_axis.size in value.shape
    if low.partial and ((several and low.before != 0) or flat):
        message = f"`{given}`, of a part or of a grid, is not supported yet in decoding"
        way = "leave it out of the condition, or ask for a forward, which has every token"
        raise NotYet.of(message, Label(given.span), way)


def _of_new(low: Lowering, given: mt.Given, value: Value) -> Value:
    """Of what is known of all slots that of the new tokens, where they are the queries."""
    axis = given.order[given.batch.count("b")]
    if value.shape[axis] != low.graph.slots:
        return value
    return low.hoist(("new", value, axis), given.name, lambda: value.at(axis, low.position()))


def _along(low: Lowering, given: mt.Given, value: Value) -> Value:
    """[batch..., queries, keys], as far as the input is of either."""
    value = value.permute(given.order)
    found = [
        _in_parts(low, given, value, grids)
        for grids in product(given.query or (None,), given.key or (None,))
    ]
    return reduce(lambda a, b: a & b if a.dtype == "bool" else a + b, found)


def _flags(low: Lowering, given: Value) -> Value:
    """A bool input that may be left out, as a tensor."""

    def build() -> Value:
        function = low.helper("flags", FLAGS)
        sizes = tuple(low.number(dim, "size") for dim in given.shape)
        call = ex.Call(function, (given.ref, *sizes), (("device", low.device()),))
        return given.view(call, given.shape, given.strides)

    return low.hoist(("flags", given), given.hint or "flags", build)


def _in_parts(
    low: Lowering, given: mt.Given, value: Value, grids: tuple[mt.Grid | None, mt.Grid | None]
) -> Value:
    """[batch..., axes of a query part, axes of a key part] as [batch..., queries, keys]."""
    lead = given.batch.count("b")
    there = [grid for grid in grids if grid is not None]
    for at, grid in enumerate(there, start=lead):
        value = _filled(low, value, at, grid)
    while there and there[0].length == there[0].total:  # torch pads from the last axis on
        there.pop(0)
    return _padded(low, value, there) if there else value


def _filled(low: Lowering, value: Value, at: int, grid: mt.Grid) -> Value:
    """The axes of a part that begin at `at` as one, repeated along those that are not there."""
    rest = len(value.shape) - at - sum(grid.has)
    if not all(grid.has) or not grid.sizes:
        own = "".join("k" if has else "1" for has in grid.has) or "1"
        value = value.new_axes("b" * at + own + "k" * rest)
    if not all(grid.has):
        same = ex.Name("-1")
        sizes: list[tuple[ex.Expr, Dim]] = [(same, size) for size in value.shape]
        for axis, size in enumerate(grid.sizes, start=at):
            if not grid.has[axis - at]:
                sizes[axis] = low.number(size, "size"), size
        value = value.expand(sizes)
    return value.flatten(at, at + len(grid.sizes) - 1) if len(grid.sizes) > 1 else value


def _padded(low: Lowering, value: Value, grids: Sequence[mt.Grid]) -> Value:
    """The last axes, one a part, as those of all tokens: what is added is true, or 0."""
    ends: list[ex.Expr] = []
    for grid in reversed(grids):
        after = grid.total - grid.start - grid.length
        ends += [low.number(grid.start, "before"), low.number(after, "after")]
    shape = (*value.shape[: len(value.shape) - len(grids)], *(grid.total for grid in grids))
    padding = ex.Tuple(tuple(ends))
    if value.dtype == "bool":
        return low.torch(
            "F.pad", value, padding, shape=shape, saves=NO_GRADIENT, dtype="bool", value="True"
        )
    return low.torch("F.pad", value, padding, shape=shape, saves=NO_GRADIENT, dtype=value.dtype)
