"""Relative positions in buckets: a learned score for each distance, far ones together (T5)."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.graph.scope import Group, WeightSpec
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node
from tfspec.ops.bias import PairBias
from tfspec.ops.embed import look_up
from tfspec.program import expr as ex
from tfspec.program import masks
from tfspec.program.lowering import Lowering
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim

PAST = '''def past_buckets(offsets, count, limit):
    """The bucket of each key's offset from its query; all behind it are in the first.

    One for each distance up to count / 2, then wider ones, up to `limit`.
    """
    distance = (-offsets).clamp(min=0)
    exact = count // 2
    far = torch.log(distance.clamp(min=exact).float() / exact) / math.log(limit / exact)
    far = (exact + (far * (count - exact)).long()).clamp(max=count - 1)
    return torch.where(distance < exact, distance, far)
'''
BOTH = '''def relative_buckets(offsets, count, limit):
    """The bucket of each key's offset from its query; half are for keys behind it.

    In each half one for each distance up to its middle, then wider ones, up to `limit`.
    """
    distance, half = offsets.abs(), count // 2
    exact = half // 2
    far = torch.log(distance.clamp(min=exact).float() / exact) / math.log(limit / exact)
    far = (exact + (far * (half - exact)).long()).clamp(max=half - 1)
    return torch.where(distance < exact, distance, far) + half * (offsets > 0)
'''


@dataclass(frozen=True)
class BucketBias(PairBias):
    """table[bucket(key index - query index)]: [h, N, M], the table [buckets, heads].

    Of the buckets of one direction, half are for one distance each; the others are as wide as
    log(distance) says, up to `limit`, from which all distances share the last one. `both`: keys
    behind the query have half of the buckets, those before it the other.
    Source: Raffel et al. 2020, section 2.1 and its code.
    """

    buckets: Dim
    limit: Dim
    both: bool

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {"weight": WeightSpec((self.buckets, self.heads), "embedding")}

    def label(self) -> str:
        return "rel_bias"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        """A table of the root is read once a forward; one of the attention, where it lives."""
        group = node.group
        assert group is not None
        if group.parent is not low.top.scope:
            return self._scores(low, group)
        key = ("rel_bias", group, self.length, self.limit, self.both)
        return low.hoist(key, "bias", lambda: self._scores(low, group))

    def _scores(self, low: Lowering, group: Group) -> Value:
        return look_up(low, group, self._buckets(low)).permute((2, 0, 1)).named("bias")

    def _buckets(self, low: Lowering) -> Value:
        def build() -> Value:
            offsets = masks.offsets(low, self.space)
            name = "relative_buckets" if self.both else "past_buckets"
            function = low.helper(name, BOTH if self.both else PAST)
            sizes = (low.number(self.buckets, "buckets"), low.number(self.limit, "limit"))
            expr = ex.Call(function, (offsets.ref, *sizes))
            return low.method.emit(expr, offsets.shape, "int64", NO_GRADIENT)

        key = ("buckets", self.length, self.buckets, self.limit, self.both)
        return low.hoist(key, "buckets", build)
