"""Rotary positions: pairs of a head's features turned by their token's angle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look, chip
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Space
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program import heads
from tfspec.program.coordinates import coordinate
from tfspec.program.kernels import GATHER, Kernel
from tfspec.program.lowering import Lowering
from tfspec.program.refusal import NotYet
from tfspec.program.rotary import Layout, Turned, rotate_function, table_function
from tfspec.program.saves import NO_GRADIENT, Keep, saves
from tfspec.program.value import Value, in_order
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class RotaryTable:
    """cos and sin of p · base^(-2j/width) for p < rows and j < width/2: [2, rows, width/2].

    `scaling` names what stretches the angles for longer texts, `settings` are its knobs.
    """

    rows: Dim
    width: Dim
    base: float
    scaling: str | None = None
    settings: tuple[tuple[str, float], ...] = ()

    def lower(self, low: Lowering) -> Value:
        """The table as a buffer of the root."""
        settings = [(name, ex.written(value)) for name, value in self.settings]
        function = low.helper("rotary_table", table_function(self.scaling, settings))
        sizes = (low.number(self.rows, "rows"), low.number(self.width, "width"))
        make = ex.Call(function, (*sizes, ex.Name(ex.written(self.base))))
        return low.buffer("rope", make, (Dim.of(2), self.rows, self.width.exact_div(2)))


@dataclass(frozen=True)
class Rotate(Op):
    """Queries or keys [..., N, k], their first features turned in pairs, or their `last`; the rest
    pass.

    Without `axes` the features turn by the token's index. With axes they are cut evenly among
    them, and each section turns by the token's coordinate on its axis. A section's pairs are
    (j, j + half), or (2j, 2j + 1) if interleaved. Source: Su et al. 2021, section 3.4.2.
    """

    reach: ClassVar[Reach] = "text"
    headwise: ClassVar[bool] = True
    forgets: ClassVar[bool] = True

    table: RotaryTable
    axes: tuple[str, ...] = ()
    interleaved: bool = False
    last: bool = False

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        return Tensor(x.axes, x.space, role=x.role)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a constant table

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # pointwise

    def label(self) -> str:
        return "rope"

    def look(self, *inputs: Tensor) -> Look:
        return chip("RoPE")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        space, length = node.inputs[0].space, x.shape[-2]
        if self.axes and low.partial:
            message = "`rope` over axes is not supported yet in decoding"
            raise NotYet.of(message, low.place, "leave `over` out, or ask for no decoding")
        inner = heads.inside(low, node, x)
        if inner is not None:
            rope = self._hoisted(low, space, length, unit=True)
            return heads.before_tokens(self._turned(low, inner, rope)).named(x.hint or "x")
        rope = self._hoisted(low, space, length, unit=False)
        return self._turned(low, x, rope).named(x.hint or "x")

    def _turned(self, low: Lowering, x: Value, rope: Value) -> Value:
        wide = self.table.width * max(1, len(self.axes))
        partial = low.fixed(wide) != low.fixed(x.shape[-1])
        turned: Turned = "all" if not partial else "last" if self.last else "first"
        function = low.helper(*rotate_function(self._layout, turned))
        order = self._order(low, x)
        strides = in_order(x.shape, order)
        saved = saves(Keep(rope, (x,)))
        turning = _turning(x, rope)
        return low.torch(
            function.name, x, rope, shape=x.shape, strides=strides, saves=saved, kernel=turning
        )

    def _hoisted(self, low: Lowering, space: Space, length: Dim, *, unit: bool) -> Value:
        key = ("rope", self.table, self.axes, self.interleaved, space, length, unit)
        return low.hoist(key, "rope", lambda: self._angles(low, space, length, unit))

    def _order(self, low: Lowering, x: Value) -> tuple[int, ...] | None:
        """How torch.cat lays out its result: halves of one feature, heads inside of tokens, it
        takes for channels, last. All else is in order."""
        pair = self._layout == "halves" and low.same(x.shape[-1], Dim.of(2))
        inside = len(x.shape) == 4 and low.memory_order(x)[1] == 2 and not low.is_one(x.shape[2])
        return (0, 2, 3, 1) if pair and inside else None

    @property
    def _layout(self) -> Layout:
        return "pairs" if self.interleaved else "sections" if self.axes else "halves"

    def _angles(self, low: Lowering, space: Space, length: Dim, unit: bool) -> Value:
        """cos and sin of every token [2, N, half]; of sections in halves [2, N, sections, half].

        unit: for heads inside of tokens, an axis of 1 behind the tokens.
        """
        table = self.table.lower(low)
        if self.axes:
            rope = _rows(table, self._coordinates(low, space), unit)
            return rope.flatten(len(rope.shape) - 2) if self.interleaved else rope
        if low.mode == "decode":
            return _rows(table, low.positions(length), unit)
        if low.fixed(length) is not None and low.fixed(length) == low.fixed(table.shape[1]):
            return table.new_axes("kk1") if unit else table
        rows = ex.Slice(None, low.number(length, "tokens"))
        return table.narrow(1, rows, length, unit=unit)

    def _coordinates(self, low: Lowering, space: Space) -> Value:
        """Every token's place on every axis: [N, axes]."""
        columns = ex.Tuple(tuple(coordinate(low, space, axis).ref for axis in self.axes))
        shape = (space.length, Dim.of(len(self.axes)))
        return low.torch(
            "torch.stack", columns, shape=shape, saves=NO_GRADIENT, dtype="int64", dim="-1"
        )


def _rows(table: Value, index: Value, unit: bool) -> Value:
    """A table's rows [2, S, half] by their index [N, ...]: [2, N, ..., half]."""
    index = index.new_axes("k1") if unit else index
    expr = ex.Index(table.ref, (ex.COLON, index.ref))
    shape = (table.shape[0], *index.shape, table.shape[-1])
    return table.fresh(expr, shape, NO_GRADIENT, kernel=GATHER)


def _turning(x: Value, rope: Value) -> Kernel:
    """Four products of halves, a difference and a sum of them, and a copy of both: 9 elements of
    an element, of which 2 are x and the result; and the table once more."""
    return Kernel("pointwise", hidden=7 * product(x.shape) + product(rope.shape), launches=7)
