"""How a feed-forward chooses experts for each token: the knobs of `router`, and the choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tfspec.layers import router_checks
from tfspec.ops import router as ops
from tfspec.ops.linear import Linear
from tfspec.ops.pointwise import Scale
from tfspec.spec.located import Located
from tfspec.spec.types import Flag, Rate, Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.spec.expression import SizeExpr
    from tfspec.symbolic import Dim


class Router(Located):
    """How tokens find their experts (Shazeer et al. 2017; DeepSeek-AI 2024)."""

    called: ClassVar[str] = "`router`"
    shorthand: ClassVar[str | None] = "score"

    score: Literal["softmax", "sigmoid"] = Field("softmax", description="softmax or sigmoid")
    groups: Size | None = Field(
        None, description="number of equal groups that the experts stand in (DeepSeek-AI 2024)"
    )
    top_groups: Size | None = Field(
        None,
        description="number of groups that a token chooses its experts from (DeepSeek-AI 2024)",
    )
    balance: Flag | None = Field(
        None,
        description="a number an expert that is added for the choice alone, to balance what "
        "experts get (Wang et al. 2024)",
    )
    renorm: Flag | None = Field(
        None, description="the chosen experts' weights sum to 1; default: true (Jiang et al. 2024)"
    )
    scale: Rate | None = Field(
        None, description="a constant factor of the chosen experts' weights (DeepSeek-AI 2024)"
    )

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(balance=False, renorm=True, scale=1)

    def route(self, g: Builder, x: Tensor, experts: Dim, top_k: SizeExpr) -> tuple[Tensor, Tensor]:
        """Each token's experts, ids [..., K], and their weights [..., K]."""
        count = g.fixed(g.size(top_k, x), top_k.span, "every token uses as many experts")
        router_checks.check(g, self, experts, top_k, x)
        logits = Linear(experts, bias=False)(x, name="router")
        choice = scores = ops.Scores(self.score)(logits)
        if self.balance:
            choice = ops.Balance()(choice, name="balance")
        if self.groups is not None and self.top_groups is not None:
            groups, kept = (g.fixed_size(size, x) for size in (self.groups, self.top_groups))
            choice = ops.BestGroups(groups, kept)(choice)
        chosen = ops.TopExperts(count)(choice)
        weights = ops.Chosen()(scores, chosen)
        weights = ops.SumToOne()(weights) if self.sums_to_1 else weights
        weights = weights if self.scale is None else Scale(g.number(self.scale, x))(weights)
        return chosen, weights

    @property
    def sums_to_1(self) -> bool:
        return self.renorm is not False
