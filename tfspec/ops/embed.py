"""Ids to vectors: a table with a row for each id, or such a table for each place of an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look
from tfspec.graph.scope import Group, WeightSpec
from tfspec.graph.space import Axis
from tfspec.graph.tensor import Tensor, features, over
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program.coordinates import coordinate
from tfspec.program.kernels import GATHER
from tfspec.program.lowering import Lowering
from tfspec.program.program import Member
from tfspec.program.refusal import NotYet
from tfspec.program.saves import Keep, saves
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


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


@dataclass(frozen=True)
class EmbedByPlace(Op):
    """tables[place, ids]: [..., N] -> [..., N, width], with a table for each place on some axes.

    The tables stand one below the other, [places · count, width], the last axis fastest: an id at
    place k has row k · count + id. So levels of a path are told apart (Li et al. 2022), and
    codebooks of sound (Copet et al. 2023).
    """

    reach: ClassVar[Reach] = "text"

    count: Dim
    width: Dim
    axes: tuple[Axis, ...]

    @property
    def places(self) -> Dim:
        return product(axis.size for axis in self.axes)

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(inputs[0].space, features(self.width))

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {"weight": WeightSpec((self.places * self.count, self.width), "embedding")}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a look-up multiplies nothing

    def label(self) -> str:
        return "embed"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Embeddings", "embed", ((self.places, " of ", self.count, " × ", self.width),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        assert node.group is not None
        if low.partial:
            message = "`embed` with `per` is not supported yet in decoding"
            raise NotYet.of(message, low.place, "ask for no decoding")
        first = self._table(low, node).times(low.number(self.count, "count"))
        return look_up(low, node.group, inputs[0] + first)

    def _table(self, low: Lowering, node: Node) -> Value:
        """The place of each token: [N] int64."""
        space, (first, *rest) = node.inputs[0].space, self.axes
        found = coordinate(low, space, first.name)
        for axis in rest:
            found = found.times(low.number(axis.size, "places"))
            found = found + coordinate(low, space, axis.name)
        return found


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
