"""An op and a layer that tfspec does not have, as another package would bring them.

Nothing of tfspec names them. The op mixes each token with the mean of those before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.diagnostics import Rule
from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Op, Reach
from tfspec.layers.base import Layer
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.saves import Made, saves
from tfspec.program.value import Value
from tfspec.spec.types import Flag, Size
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

ONE_TOKEN = Rule(
    "TS999",
    "a mean over one token",
    "`causal_mean` is given a value that is one token.",
    "There is nothing before it.",
    "[{pool: mean}, {causal_mean: {}}]",
    "Leave it out.",
)
MEANS = '''def running_mean(x):
    """The mean of each token and all before it: [..., N, d] -> [..., N, d]."""
    count = torch.arange(1, x.shape[-2] + 1, device=x.device)
    return x.cumsum(dim=-2) / count[:, None]
'''


@dataclass(frozen=True)
class CausalMean(Op):
    """gain · mean of the tokens up to here: [..., N, d] -> [..., N, d], a learned gain a feature."""

    reach: ClassVar[Reach] = "all"

    learned: bool

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0])

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {"": WeightSpec((inputs[0].width,), 1.0)} if self.learned else {}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # sums: no products of matrices

    def label(self) -> str:
        return "running mean"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        function = low.helper("running_mean", MEANS)
        counts = Made("counts", x.shape[-2], "int64")  # what it divides by
        mean = x.fresh(ex.Call(function, (x.ref,)), x.shape, saves(counts))
        return mean * low.parameter(node) if self.learned else mean


class Mean(Layer):
    """Each token as the mean of those up to it, then maybe of another width: `[..., N, d] -> [..., N, w]`."""

    step: ClassVar[str] = "causal_mean"

    gain: Flag | None = Field(None, description="whether a gain is learned; default true")
    width: Size | None = Field(None, description="features of the result; default as they are")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        from tfspec.ops.linear import Linear

        assert x is not None
        if x.space.single:
            raise g.refuse(ONE_TOKEN, "the mean of one token is that token", self.span)
        y = CausalMean(self.gain is not False)(x, name=g.name("gain"))
        if self.width is None:
            return y
        return Linear(g.fixed_size(self.width, x))(y, name=g.name("out"))
