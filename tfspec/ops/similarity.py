"""Similarity: the products of every row of one value with every row of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfspec.graph.look import Look
from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Op
from tfspec.program import expr as ex
from tfspec.program.kernels import PRODUCT
from tfspec.program.lowering import Lowering
from tfspec.program.saves import Keep, saves
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Similarity(Op):
    """x · yᵀ over all rows of y: [..., d], [M, d] -> [..., M], where M counts its batch too."""

    def infer(self, *inputs: Tensor) -> Tensor:
        x, y = inputs
        return like(x, y.rows)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # nothing is learned: a scale and a bias are steps of their own

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return 2 * outputs[0].elements * inputs[0].width

    def label(self) -> str:
        return "similarity"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Similarity", "linear", (("every row with every row",),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        x, y = inputs
        y = y.flatten(0, -2) if len(y.shape) > 2 else y
        turned = y.transpose(0, 1)
        kept = saves(Keep(x.merged(0, len(x.shape) - 2), (y,)), Keep(turned, (x,)))
        product = ex.Binary("@", x.ref, turned.ref)
        return x.fresh(product, (*x.shape[:-1], y.shape[0]), kept, kernel=PRODUCT)
