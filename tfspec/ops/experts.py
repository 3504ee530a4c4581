"""Experts: stacks of linear maps, of which each token goes through a few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look, chip
from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor, features
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import experts as code
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.saves import LINEAR
from tfspec.program.value import Value
from tfspec.symbolic import Dim

ROUTED = (1,)
"""The operand that says whose rows are which: figures show it where rows go to experts."""


class OfExperts(Op):
    """What steps between routing and the weighted sum have in common: a row for each choice.

    In the graph and in the explicit style rows stand at their tokens, [..., K, d]. In the fast
    style they lie sorted by expert, [R, d] with R = tokens · K: whatever the routing is, R is the
    same, and each expert's rows are one product. What works on single rows may stand between.
    """

    reach: ClassVar[Reach] = "token"

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a rearrangement or a sum

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a rearrangement or a sum


@dataclass(frozen=True)
class ToExperts(OfExperts):
    """Each token once for each of its experts: [..., d], ids [..., K] -> [..., K, d]."""

    def infer(self, *inputs: Tensor) -> Tensor:
        x, experts = inputs
        return Tensor((*experts.axes, x.axes[-1]), x.space)

    def label(self) -> str:
        return "to experts"

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.label())

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        x, experts = inputs
        if low.style == "explicit":
            return code.repeated(low, x, experts.shape[-1])
        return code.sort(low, x, experts)


@dataclass(frozen=True)
class ExpertLinear(OfExperts):
    """Each row through the matrix of its expert: [..., K, d], ids [..., K] -> [..., K, width].

    `count` matrices, [E, width, d]; a token uses K of them. Maps with roles that read one value
    are one stack; `ends_branch` as of a linear map. Source: Shazeer et al. 2017, eq. 1.
    """

    count: Dim
    width: Dim
    ends_branch: bool = False
    role: str | None = None

    def infer(self, *inputs: Tensor) -> Tensor:
        x = inputs[0]
        return Tensor((*x.axes[:-1], features(self.width)), x.space, role=self.role)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        rows, experts = inputs
        init = "expert residual" if self.ends_branch else "expert"
        used = experts.width * self.width * rows.width
        return {"": WeightSpec((self.count, self.width, rows.width), init, active=used)}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return 2 * outputs[0].elements * inputs[0].width

    def label(self) -> str:
        return "experts"

    def look(self, *inputs: Tensor) -> Look:
        maps = (self.count, " × (", inputs[0].width, " → ", self.width, ")")
        return Look("Experts", "linear", (maps,), hides=ROUTED)

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        out = _product(low, [node], *inputs)
        out.hint = self.role or "rows"
        return out

    def fusion(self, node: Node) -> object | None:
        return (ExpertLinear, self.count) if self.role else None

    def lower_fused(
        self, low: Lowering, nodes: Sequence[Node], *inputs: Value
    ) -> tuple[Value, ...]:
        joint = _product(low, nodes, *inputs)
        widths = [node.outputs[0].width for node in nodes]
        sizes = [(low.number(width, "hidden"), width) for width in widths]
        return joint.split(sizes, -1, [node.outputs[0].role or "x" for node in nodes])


def _product(low: Lowering, nodes: Sequence[Node], rows: Value, experts: Value) -> Value:
    first = nodes[0].op
    assert isinstance(first, ExpertLinear)
    sides = ("hidden", "width") if first.ends_branch else ("width", "hidden")
    width_in = low.number(rows.shape[-1], sides[0])
    width = low.number(first.width, sides[1])
    joint = width
    if len(nodes) > 1:
        assert isinstance(width, ex.Number), "weights have one size"
        joint = ex.Times(len(nodes), width)
    texts = (low.number(first.count, "experts"), joint, width_in)
    weight = low.stack(nodes, texts, (width_in, width))
    if low.style == "explicit":
        return code.one_by_one(low, rows, experts, weight)
    return code.grouped(low, rows, experts, weight)


@dataclass(frozen=True)
class ExpertBias(OfExperts):
    """Each row plus the bias of its expert: [..., K, d], ids [..., K] -> [..., K, d].

    `fan_in`: of the map that it belongs to, by which it starts.
    """

    count: Dim
    fan_in: Dim
    role: str | None = None

    def infer(self, *inputs: Tensor) -> Tensor:
        return Tensor(inputs[0].axes, inputs[0].space, role=self.role)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        rows, experts = inputs
        used = experts.width * rows.width
        return {"": WeightSpec((self.count, rows.width), "expert bias", active=used)}

    def label(self) -> str:
        return "experts' bias"

    def look(self, *inputs: Tensor) -> Look:
        return Look(self.label(), "linear", ((self.count, " × ", inputs[0].width),), hides=ROUTED)

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        rows, experts = inputs
        texts = (low.number(self.count, "experts"), low.number(rows.shape[-1], "width"))
        fans = (low.number(self.fan_in, "width"), texts[1])
        bias = low.stack([node], texts, fans)
        index = experts if low.style == "explicit" else code.owners(low, experts)
        added = bias.gather_rows(index)
        return rows.pointwise(ex.Binary("+", rows.ref, added.ref), LINEAR, added)


@dataclass(frozen=True)
class WeightedSum(OfExperts):
    """What the chosen experts say together: [..., K, d], [..., K], ids [..., K] -> [..., d]."""

    def infer(self, *inputs: Tensor) -> Tensor:
        x = inputs[0]
        return Tensor((*x.axes[:-2], x.axes[-1]), x.space)

    def label(self) -> str:
        return "weighted sum"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Weighted sum", "other", (("of each token's experts",),), hides=(2,))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        rows, weights, experts = inputs
        if low.style == "fast":
            rows = code.unsort(low, rows, experts)
        return code.weighted(rows, weights)
