"""Relative positions over axes: a learned score for each offset, read without an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import ClassVar

from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Axis
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Reach
from tfspec.ops.bias import PairBias
from tfspec.program import expr as ex
from tfspec.program.layout import WIDTH
from tfspec.program.lowering import Lowering
from tfspec.program.saves import LINEAR
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class RelativeBias(PairBias):
    """table[h, query X - key X + e_X - 1, ...]: [h, N, M], the table [heads, 2·e_X - 1, ...].

    `extents` names axes of the space's only part, each with e_X, its largest length. Axes that are
    not named do not matter. Sources: Shaw et al. 2018; over two axes Liu et al. 2021, section 3.2.
    """

    reach: ClassVar[Reach] = "all"

    extents: tuple[tuple[str, Dim], ...]

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        offsets = tuple(2 * extent - 1 for _, extent in self.extents)
        return {"": WeightSpec((self.heads, *offsets), "bias table")}

    def label(self) -> str:
        return "rel_bias"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        """A table of the root is read once a forward; one of the attention, where it lives."""
        group = node.group
        assert group is not None
        if group.parent is not low.top.scope:
            return self._scores(low, node)
        key = ("rel_bias", group, self.space.parts[0].axes, self.extents)
        return low.hoist(key, "bias", lambda: self._scores(low, node))

    def _scores(self, low: Lowering, node: Node) -> Value:
        """Windows of the table: each is a query's row of keys, from the last to the first."""
        axes = self.space.parts[0].axes
        named = [name for name, _ in self.extents]
        order = [named.index(axis.name) for axis in axes if axis.name in named]
        offsets = (ex.Less(ex.Times(2, self._number(low, extent))) for _, extent in self.extents)
        table = low.parameter(node, (low.number(self.heads, "heads"), *offsets))
        table = self._middle(low, table.permute((0, *(at + 1 for at in order))))
        seen = tuple(axis.name in named for axis in axes)
        function = low.helper("relative_bias", source(seen))
        sizes = tuple(low.number(axis.size, "extent") for axis in axes)
        expr = ex.Call(function, (table.ref, *sizes))
        shape = (self.heads, self.length, self.length)
        return table.fresh(expr, shape, LINEAR).named("bias")

    def _middle(self, low: Lowering, table: Value) -> Value:
        """The offsets that are there, of a table for the largest length."""
        extents = dict(self.extents)
        axes = [axis for axis in self.space.parts[0].axes if axis.name in extents]
        if all(low.fixed(axis.size) == low.fixed(extents[axis.name]) for axis in axes):
            return table
        shape = (table.shape[0], *(2 * axis.size - 1 for axis in axes))
        cuts = tuple(self._cut(low, axis, extents[axis.name]) for axis in axes)
        return table.view(ex.Index(table.ref, (ex.COLON, *cuts)), shape, table.strides)

    def _cut(self, low: Lowering, axis: Axis, extent: Dim) -> ex.Slice:
        if low.fixed(axis.size) == low.fixed(extent):
            return ex.COLON
        length, most = low.number(axis.size, "length"), self._number(low, extent)
        stop = ex.Binary("+", ex.Less(self._number(low, extent)), length)
        return ex.Slice(ex.Binary("-", most, length), stop)

    def _number(self, low: Lowering, extent: Dim) -> ex.Number:
        value = low.fixed(extent)
        assert value is not None, "weights have one size"
        return ex.Number(value, "extent")


def source(seen: Sequence[bool]) -> str:
    """The emitted function for a grid of these axes, of which the table has those `seen`."""
    names = ascii_lowercase[: len(seen)]
    own = [name for name, is_seen in zip(names, seen, strict=True) if is_seen]
    offsets = "".join(f", 2·{name}-1" for name in own)
    flips = ", ".join(str(len(own) + 1 + at) for at in range(len(own)))
    calls = [f".unfold({at}, {name}, 1)" for at, name in enumerate(own, 1)]
    body = [f"pairs = table{''.join(calls)}.flip({flips})"]
    if len(body[0]) + 4 > WIDTH:
        body = [f"table = table{call}" for call in calls] + [f"pairs = table.flip({flips})"]
    if len(own) < len(names):
        index = ", ".join(":" if is_seen else "None" for is_seen in seen)
        sizes = ", ".join("-1" if s else n for s, n in zip(seen, names, strict=True))
        body.append(f"pairs = pairs[:, {index}, {index}].expand(-1, {sizes}, {sizes})")
    if len(names) == 1:
        body = [body[0].replace("pairs =", "return")]
    else:
        body.append(f"return pairs.flatten({len(names) + 1}).flatten(1, {len(names)})")
    tokens = "·".join(names)
    lines = [
        f"def relative_bias(table, {', '.join(names)}):",
        '    """A score for each pair of tokens, by the offset of the query from the key.',
        "",
        f"    [h{offsets}] -> [h, {tokens}, {tokens}]",
        '    """',
        *(f"    {line}" for line in body),
    ]
    return "\n".join(lines) + "\n"
