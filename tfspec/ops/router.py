"""Routers: which experts a token goes to, and what each of them weighs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tfspec.graph.look import Look, chip
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Axis
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.program import Member
from tfspec.program.saves import DETACHED, NO_GRADIENT, Keep, Made, Result, saves
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


class Routing(Op):
    """What choices have in common: they learn nothing, and their products are none of matrices."""

    reach: ClassVar[Reach] = "token"

    def infer(self, *inputs: Tensor) -> Tensor:
        first = inputs[0]
        return Tensor((*first.axes[:-1], Axis("experts", first.width)), first.space)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # the router's map is a linear one, before this

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # sums, comparisons and a choice


@dataclass(frozen=True)
class Scores(Routing):
    """How well each expert suits a token: softmax over the experts, or a sigmoid of each.

    [..., E] -> [..., E]. Sources: Shazeer et al. 2017, section 2.1; DeepSeek-AI 2024, eq. 15.
    """

    kind: Literal["softmax", "sigmoid"]

    def label(self) -> str:
        return self.kind

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.kind)

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        if self.kind == "softmax":
            return x.softmax().named("scores")
        expr = ex.Call(ex.Attribute(x.ref, "sigmoid"))
        return x.pointwise(expr, saves(Result())).named("scores")


@dataclass(frozen=True)
class Balance(Routing):
    """Scores plus a number for each expert that balances the choice, and nothing else.

    The number is no parameter: no gradient reaches it; whoever trains moves it down for experts
    that have too much to do (Wang et al. 2024; DeepSeek-AI 2024, eq. 16). [..., E] -> [..., E].
    """

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {"": WeightSpec((inputs[0].width,), 0.0, learned=False)}

    def label(self) -> str:
        return "balance"

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.label())

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        assert node.group is not None
        weight = node.group.weights[""]
        zeros = ex.Call(ex.Name("torch.zeros"), (low.number(weight.shape[0], "experts"),))
        low.own(node.group, lambda name: Member(name, zeros, {"": (weight,)}, kind="buffer"))
        bias = low.weight(node.group, "")
        x = _detached(inputs[0])
        return x.pointwise(ex.Binary("+", x.ref, bias.ref), NO_GRADIENT).named("choice")


BEST_GROUPS = '''def best_groups(scores, groups, kept):
    """Scores, -inf outside of a token's best groups of experts: [..., E] → [..., E].

    A group is as good as its two best experts together.
    """
    scores = scores.unflatten(-1, (groups, -1))
    best = scores.topk(2, dim=-1).values.sum(dim=-1).topk(kept, dim=-1).indices
    hidden = torch.ones_like(scores[..., 0], dtype=torch.bool).scatter(-1, best, False)
    return scores.masked_fill(hidden[..., None], float("-inf")).flatten(-2)
'''


@dataclass(frozen=True)
class BestGroups(Routing):
    """Scores of a choice among `kept` of equal groups of experts: those whose two best have most.

    Experts elsewhere get -inf: [..., E] -> [..., E]. Source: DeepSeek-AI 2024, section 2.1.2.
    """

    groups: Dim
    kept: Dim

    def label(self) -> str:
        return "best groups"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Best groups", "other", ((self.kept, " of ", self.groups),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        x = _detached(inputs[0]) if inputs[0].learned else inputs[0]
        function = low.helper("best_groups", BEST_GROUPS)
        sizes = (low.number(self.groups, "groups"), low.number(self.kept, "top_groups"))
        return x.fresh(ex.Call(function, (x.ref, *sizes)), x.shape, NO_GRADIENT).named("choice")


@dataclass(frozen=True)
class TopExperts(Routing):
    """The experts with the highest scores, the best first: [..., E] -> ids [..., K]."""

    count: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        axes = (*x.axes[:-1], Axis("chosen", self.count))
        return Tensor(axes, x.space, "ids", role="experts", vocabulary=x.width)

    def label(self) -> str:
        return "top experts"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Top experts", "other", ((self.count, " of ", inputs[0].width, " a token"),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return inputs[0].top(low.number(self.count, "top_k"), self.count).named("experts")


@dataclass(frozen=True)
class Chosen(Routing):
    """The scores of the chosen experts: [..., E], ids [..., K] -> [..., K]."""

    def infer(self, *inputs: Tensor) -> Tensor:
        _, experts = inputs
        return Tensor(experts.axes, experts.space, role="weights")

    def label(self) -> str:
        return "chosen scores"

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.label())

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        scores, experts = inputs
        return scores.gather(experts).named("weights")


@dataclass(frozen=True)
class SumToOne(Routing):
    """Weights divided by their sum over the chosen experts: [..., K] -> [..., K]."""

    def infer(self, *inputs: Tensor) -> Tensor:
        return Tensor(inputs[0].axes, inputs[0].space, role="weights")

    def label(self) -> str:
        return "sum to 1"

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.label())

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        over = (("dim", ex.Name("-1")), ("keepdim", ex.TRUE))
        total = ex.Call(ex.Attribute(x.ref, "sum"), (), over)
        kept = saves(Keep(x), Made("sums", product(x.shape[:-1])))
        return x.pointwise(ex.Binary("/", x.ref, total), kept).named("weights")


def _detached(x: Value) -> Value:
    """Scores that a choice is made by: no gradient goes through a choice."""
    expr = ex.Call(ex.Attribute(x.ref, "detach"))
    return x.method.emit(expr, x.shape, x.dtype, DETACHED, strides=x.strides, storage=x.storage)
