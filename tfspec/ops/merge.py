"""Neighbours into features and back: rearrangements of a grid of tokens, in any number of axes."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.graph.look import Look, between
from tfspec.graph.space import Space
from tfspec.graph.tensor import Tensor, features, over
from tfspec.graph.trace import Node
from tfspec.ops.tokens import Rearrangement
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class Merge(Rearrangement):
    """Blocks of tokens side by side: [..., H·W, c] -> [..., H/2·W/2, 2·2·c] (Liu et al. 2021).

    `space` is what is left. `sizes` has the block's size along each of `order`, indices of the
    part's axes from the slowest place among the features to the fastest; the old features vary
    fastest of all.
    """

    space: Space
    order: tuple[int, ...]
    sizes: tuple[Dim, ...]

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, features(inputs[0].width * product(self.sizes)))

    def label(self) -> str:
        return "merge"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Merge", "other", (between(" × ", self.sizes),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        lead = len(self.space.batch)
        cut = dict(zip(self.order, self.sizes, strict=True))
        grid = self.space.parts[0].axes
        sizes: list[tuple[ex.Expr, Dim]] = []
        outer: list[int] = []
        inner: dict[int, int] = {}
        for at, axis in enumerate(grid):
            outer.append(lead + len(sizes))
            sizes.append((_count(low, axis.size, first=at == 0), axis.size))
            if at in cut:
                inner[at] = lead + len(sizes)
                sizes.append((low.number(cut[at], "size"), cut[at]))
        x = inputs[0].unflatten(lead, sizes)
        last = lead + len(sizes)
        x = x.permute([*range(lead), *outer, *(inner[at] for at in self.order), last])
        x = x.flatten(lead + len(grid))
        return x.flatten(lead, lead + len(grid) - 1) if len(grid) > 1 else x


@dataclass(frozen=True)
class Split(Rearrangement):
    """Features into blocks of tokens: [..., H·W, 2·2·c] -> [..., 2·H·2·W, c], what undoes `Merge`.

    `space` is what comes out; `order` and `sizes` are as in `Merge`.
    """

    space: Space
    order: tuple[int, ...]
    sizes: tuple[Dim, ...]

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, features(inputs[0].width.exact_div(product(self.sizes))))

    def label(self) -> str:
        return "split"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Split", "other", (between(" × ", self.sizes),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        lead = len(self.space.batch)
        grid = node.inputs[0].space.parts[0].axes
        if len(grid) > 1:
            sizes = [(_count(low, a.size, first=at == 0), a.size) for at, a in enumerate(grid)]
            x = x.unflatten(lead, sizes)
        blocks = [(low.number(size, "size"), size) for size in self.sizes]
        x = x.unflatten(-1, [*blocks, (ex.Name("-1"), node.outputs[0].width)])
        order = list(range(lead))
        for at in range(len(grid)):
            order.append(lead + at)
            if at in self.order:
                order.append(lead + len(grid) + self.order.index(at))
        last = len(x.shape) - 1
        return x.permute([*order, last]).flatten(lead, last - 1)


def _count(low: Lowering, size: Dim, *, first: bool) -> ex.Expr:
    """The text of one axis of a grid; torch finds the first by itself."""
    return ex.Name("-1") if first else low.number(size, "tokens")
