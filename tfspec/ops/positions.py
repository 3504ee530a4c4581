"""Learned tables of positions, added to the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look
from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Op, Reach
from tfspec.ops.tables import Terms, rows
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class AddPositions(Op):
    """x + table[row of each token]: [..., N, d], with a table of `rows` learned vectors.

    `terms` has for each part of x where its tokens stand in the table; other parts stay as they
    are. A place has one row, whatever the sizes are: the table is laid out at the largest.
    """

    reach: ClassVar[Reach] = "text"

    rows: Dim
    terms: Terms

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0])

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {"": WeightSpec((self.rows, inputs[0].width), "embedding")}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a look-up and a sum

    def label(self) -> str:
        return "pos"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Positions", "embed", (("learned, ", self.rows, " rows"),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        table = low.parameter(node)
        return inputs[0] + rows(low, table, node.inputs[0], self.terms)
