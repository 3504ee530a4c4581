"""Sinks of attention: a learned score a head, beside those of the keys, that has no value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look, chip
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Axis, Space
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Sinks(Op):
    """One learned score a head: [h], whose share of the softmax gives no value.

    Source: OpenAI 2025 (gpt-oss model card), section 2.2: a learned bias in the denominator.
    """

    reach: ClassVar[Reach] = "token"

    heads: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        return Tensor((Axis("heads", self.heads),), Space((), ()), role="sinks")

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {"": WeightSpec((self.heads,), "bias table")}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # read as they are

    def label(self) -> str:
        return "sinks"

    def look(self, *inputs: Tensor) -> Look:
        return chip("sinks")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return low.parameter(node, (low.number(self.heads, "heads"),))


def beside(low: Lowering, scores: Value, sinks: Value) -> Value:
    """Scores with the sink as one more key, the last: [..., h, N, M], [h] -> [..., h, N, M + 1]."""
    at, same = len(scores.shape) - 3, ex.Name("-1")
    sizes = [(low.number(size, "batch"), size) for size in scores.shape[:-1]]
    one = (same, Dim.of(1))
    sink = sinks.new_axes("h11").expand([*sizes[:at], (same, scores.shape[at]), sizes[-1], one])
    shape = (*scores.shape[:-1], scores.shape[-1] + 1)
    return low.cat((scores, sink.named("sink")), "-1", shape).named("scores")


def without(weights: Value) -> Value:
    """Weights of the keys alone, which sum to less than 1: [..., h, N, M + 1] -> [..., h, N, M]."""
    keys = ex.Index(weights.ref, (ex.Name("..."), ex.Slice(None, ex.Name("-1"))))
    shape = (*weights.shape[:-1], weights.shape[-1] - 1)
    return weights.view(keys, shape, weights.strides)
