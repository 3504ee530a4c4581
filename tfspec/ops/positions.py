"""Position tables, learned or fixed, added to the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Op
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class AddPositions(Op):
    """x + table[position]: [..., N, d], with a table of `rows` ≥ N learned vectors."""

    tokenwise: ClassVar[bool] = True

    rows: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0])

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {"": WeightSpec((self.rows, inputs[0].width), "embedding")}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a look-up and a sum

    def label(self) -> str:
        return "pos"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return inputs[0] + rows_of(low, low.parameter(node), inputs[0])


def rows_of(low: Lowering, table: Value, x: Value) -> Value:
    """The table's rows for x's tokens: all of them, the first N, or those at `position`."""
    length = x.shape[-2]
    if low.mode == "decode":
        return table.gather_rows(low.position())
    if low.fixed(length) is not None and low.fixed(length) == low.fixed(table.shape[0]):
        return table
    return table.narrow(0, ex.Slice(None, low.number(length, "tokens")), length)


SINUSOIDS = '''def sinusoids(length, width, base={base}):
    """Sines and cosines of every position, {layout}: [length, width]."""
    rates = base ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.arange(length).float()[:, None] * rates
    return {join}
'''
LAYOUTS = {
    "interleaved": ("in turn", "torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)"),
    "halves": ("sines first", "torch.cat((angles.sin(), angles.cos()), dim=1)"),
}


@dataclass(frozen=True)
class AddSinusoids(Op):
    """x + table[position]; table[p, 2j] = sin(p · base^(-2j/d)), table[p, 2j + 1] its cosine.

    Source: Vaswani et al. 2017, section 3.5. The layout `halves` (tensor2tensor, Marian) puts all
    sines before all cosines. The table is a constant, never a parameter.
    """

    tokenwise: ClassVar[bool] = True

    rows: Dim
    base: float
    layout: Literal["interleaved", "halves"]

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0])

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a constant table

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a look-up and a sum

    def label(self) -> str:
        return "sinusoids"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return inputs[0] + rows_of(low, self._table(low, inputs[0]), inputs[0])

    def _table(self, low: Lowering, x: Value) -> Value:
        shape = (self.rows, x.shape[-1])
        words, join = LAYOUTS[self.layout]
        base = int(self.base) if self.base == int(self.base) else self.base
        source = SINUSOIDS.format(base=base, layout=words, join=join)
        function = low.helper("sinusoids", source)
        sizes = tuple(low.number(dim, "width") for dim in shape)
        return low.buffer("sinusoids", ex.Call(function, sizes), shape)
