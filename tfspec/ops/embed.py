"""Ids to vectors: a table with a row for each id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look
from tfspec.graph.scope import Group, WeightSpec
from tfspec.graph.tensor import Tensor, features, over
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program.kernels import GATHER
from tfspec.program.lowering import Lowering
from tfspec.program.program import Member
from tfspec.program.saves import Keep, saves
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Embed(Op):
    """table[ids]: [...] -> [..., width]."""

    reach: ClassVar[Reach] = "token"

    count: Dim
    width: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(inputs[0].space, features(self.width))

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {"weight": WeightSpec((self.count, self.width), "embedding")}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a look-up multiplies nothing

    def label(self) -> str:
        return "embed"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Embedding", "embed", ((self.count, " × ", self.width),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        assert node.group is not None
        return look_up(low, node.group, inputs[0])


def look_up(low: Lowering, group: Group, ids: Value) -> Value:
    """Rows of the group's table [count, width]: [...] -> [..., width]."""
    weight = group.weights["weight"]
    count, width = weight.shape
    shape = (*ids.shape, width)
    sizes = (low.number(count, "count"), low.number(width, "width"))
    make = ex.Call(ex.Name("nn.Embedding"), sizes)
    table = low.own(group, lambda name: Member(name, make, {"weight": (weight,)}))
    if table is not None:
        kept = saves(Keep(ids), learns=group.trained)
        return low.method.emit(ex.Call(table, (ids.ref,)), shape, "float", kept, kernel=GATHER)
    kept = saves(Keep(ids))
    weights = low.weight(group, "weight")
    return low.torch("F.embedding", ids, weights, shape=shape, saves=kept, kernel=GATHER)
