"""Inputs that a mask reads, fitted to the tokens: which parts have them, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label, Rule
from tfspec.graph import mask_tree as mt
from tfspec.graph.mask_pairs import Pairs
from tfspec.graph.places import start
from tfspec.graph.space import Axis, Space
from tfspec.graph.tensor import Tensor
from tfspec.spec.predicate import Coordinate, Flag, Side

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

NOT_OVER = Rule(
    "TS249",
    "an input that is not over these tokens",
    "A mask reads an input that shares an axis with the queries or keys, and is not over them.",
    "It must give one value for each token: each of its axes is a batch axis or one of the "
    "token's own, of the same size.",
    "attend: {mask: key.kinds == query.kinds}  # kinds: ids(3) B T S, on tokens over T",
    "Give the input the axes of the tokens.",
)
TWO_SIDES = Rule(
    "TS229",
    "a flag of the query or of the key",
    "A mask reads a bool input by its bare name, and queries and keys both have one of its axes.",
    "It would hide keys in the one reading and queries in the other.",
    "attend: {heads: 8, mask: valid}  # valid: bool B T, on tokens over T",
    "Write `key.valid` or `query.valid`.",
)


def fitted(
    g: Builder, pairs: Pairs, tensor: Tensor, each: Flag | Coordinate, side: Side | None
) -> mt.Given | None:
    """How an input gives a value for each query, each key, or each of both; None: it has none."""
    fit = Fit(g, pairs, tensor, each, side)
    own = [axis.name for axis in fit.own]
    sides: dict[Side, list[str]] = {"query": [], "key": []}
    if side is not None:
        sides[side] = own
    else:
        sides = {side: [name for name in own if name in fit.axes(side)] for side in sides}
        fit.check_bare(sides)
    there = fit.axes(side) if side else {*sides["query"], *sides["key"]}
    if own and not there.intersection(own):
        return None
    return fit.given(sides)


class Fit:
    """One input over the queries, the keys, or both."""

    def __init__(
        self, g: Builder, pairs: Pairs, tensor: Tensor, each: Flag | Coordinate, side: Side | None
    ) -> None:
        self.g, self.pairs, self.tensor, self.each, self.side = g, pairs, tensor, each, side
        self.own = tensor.space.parts[0].axes

    def axes(self, side: Side) -> set[str]:
        """The names of all axes that tokens of a side have."""
        return {axis.name for part in self.pairs.space(side).parts for axis in part.axes}

    def check_bare(self, sides: dict[Side, list[str]]) -> None:
        """The axes of a bare flag are found in query and key together, none of them in both."""
        if both := [name for name in sides["query"] if name in sides["key"]]:
            each = self.each
            message = f"`{each}` may be the query's or the key's: both have axis {both[0]}"
            help = [f"write `key.{each}` to hide keys, or `query.{each}`"]
            raise self.g.refuse(TWO_SIDES, message, each.span, help=help)

    def given(self, sides: dict[Side, list[str]]) -> mt.Given:
        """The input's axes put into the order of the tokens'."""
        space = self.pairs.query
        batch = [axis for axis in space.batch if axis in self.tensor.space.batch]
        found: dict[Side, tuple[mt.Grid, ...]] = {
            side: self._grids(side, names)
            for side, names in sides.items()
            if names or side == self.side
        }
        placed = {name for names in sides.values() for name in names}
        if len(batch) < len(self.tensor.space.batch) or len(placed) < len(self.own):
            raise self._not_over()
        ordered = [name for side in found for name in self._in_order(side, sides[side], found)]
        names = [axis.name for axis in self.tensor.axes]
        order = tuple(names.index(name) for name in (*(axis.name for axis in batch), *ordered))
        pattern = "".join("b" if axis in batch else "1" for axis in space.batch)
        query, key = (found.get(side, ()) for side in ("query", "key"))
        return mt.Given(self.each.name, order, pattern, query, key, None, self.each.span)

    def _grids(self, side: Side, names: list[str]) -> tuple[mt.Grid, ...]:
        """The parts of a side that have the input's axes, at their sizes."""
        space = self.pairs.space(side)
        sizes = {axis.name: axis.size for axis in self.own}
        found: list[mt.Grid] = []
        for number, part in enumerate(space.parts):
            there = {axis.name: axis for axis in part.axes}
            if all(name in there and self.g.same(there[name].size, sizes[name]) for name in names):
                has = tuple(axis.name in names for axis in part.axes)
                grid = tuple(axis.size for axis in part.axes)
                found.append(mt.Grid(number, start(space, number), space.length, grid, has))
        if not found:
            raise self._not_over()
        return tuple(found)

    def _in_order(
        self, side: Side, names: list[str], found: dict[Side, tuple[mt.Grid, ...]]
    ) -> list[str]:
        """The axes of a side as its parts have them."""
        parts = [self.pairs.space(side).parts[grid.part] for grid in found[side]]
        orders = [[axis.name for axis in part.axes if axis.name in names] for part in parts]
        if any(order != orders[0] for order in orders):
            what = f"`{self.each}` over parts whose axes have different orders"
            raise self.g.not_yet(what, self.each.span)
        return orders[0]

    def _not_over(self) -> Exception:
        """A message that shows the input's axes and the tokens'."""
        each = self.each
        called = self.pairs.called
        sides: list[Side] = [side for side in called if self.side in (side, None)]
        tokens = (
            f"the {called[side]} are over {_tokens(self.pairs.space(side))}" for side in sides
        )
        came = [Label(self.g.spec.inputs[each.name].span, f"it is over {_axes(self.tensor.axes)}")]
        label = Label(each.span, ", ".join(tokens))
        return self.g.refuse(NOT_OVER, f"`{each}` is not over these tokens", label, came=came)


def _tokens(space: Space) -> str:
    """What the tokens are over: [B, cls + H·W]."""
    parts = ("·".join(map(_axis, part.axes)) or part.name for part in space.parts)
    return f"[{', '.join([*map(_axis, space.batch), ' + '.join(parts)])}]"


def _axes(axes: Sequence[Axis]) -> str:
    return f"[{', '.join(map(_axis, axes))}]"


def _axis(axis: Axis) -> str:
    """An axis by its size, or by its name where the size does not speak of it."""
    size = str(axis.size)
    return size if axis.name in axis.size.symbols else f"{axis.name} = {size}"
