"""The step `ffn`: a feed-forward network, dense or of experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from tfspec.graph.look import Look
from tfspec.layers.base import Layer
from tfspec.layers.dropout import dropped
from tfspec.layers.norm import NormKnobs
from tfspec.layers.residual import ResidualKnobs
from tfspec.ops.linear import Linear
from tfspec.ops.pointwise import Activation, Multiply, spelt
from tfspec.spec.located import LATER, Located
from tfspec.spec.parts import ShareField
from tfspec.spec.types import Count, Flag, Name, Rate, Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

Act = Literal[
    "relu",
    "gelu",
    "gelu_tanh",
    "quick_gelu",
    "silu",
    "relu2",
    "tanh",
    "sigmoid",
    "swiglu",
    "geglu",
    "reglu",
]


class Router(Located):
    """How tokens find their experts (Shazeer et al. 2017; DeepSeek-AI 2024)."""

    called: ClassVar[str] = "`router`"
    shorthand: ClassVar[str | None] = "score"

    score: Literal["softmax", "sigmoid"] = Field("softmax", description="softmax or sigmoid")
    groups: Size | None = Field(None, description="groups of experts")
    top_groups: Size | None = Field(None, description="groups that a token may use")
    balance: Flag | None = Field(None, description="a bias of the choice, for balance")
    renorm: Flag | None = Field(None, description="the chosen experts' weights sum to 1")
    scale: Rate | None = Field(None, description="a constant factor of the weights")

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(balance=False, renorm=False, scale=1)


class Ffn(Layer):
    """A feed-forward: `[..., width] -> [..., width]`; down(act(up(x))), width `hidden` between.

    Gated: down(act(gate(x)) · up(x)) (Shazeer 2020); swiglu, geglu and reglu are short for silu,
    gelu and relu, gated. With experts: each token uses `top_k` of them.
    """

    step: ClassVar[str] = "ffn"
    keeps_shape: ClassVar[bool] = True
    branch_knobs: ClassVar[frozenset[str]] = frozenset({"norm", "residual"})

    hidden: Size = Field(description="features in the middle: 4 * width")
    act: Act = Field(description="the activation")
    gated: Flag | None = Field(None, description="a third map, times the activated one")
    bias: Flag | None = Field(None, description="biases of the maps; default: the block's")
    dropout: Rate | None = Field(None, description="of the activated features")
    only: Name | None = Field(None, description="the part that is read, and added to")
    experts: Annotated[Size | None, LATER] = Field(None, description="number of experts")
    top_k: Annotated[Size | None, LATER] = Field(None, description="experts that a token uses")
    shared: Annotated[Count | None, LATER] = Field(
        None, description="how many more experts' width is always on"
    )
    router: Annotated[Router | None, LATER] = Field(None, description="how tokens find experts")
    norm: NormKnobs | None = Field(None, description="this branch's norm; default: the block's")
    residual: ResidualKnobs | None = Field(
        None, description="this branch's residual rule; default: the block's"
    )
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    def effective(self, bias: bool) -> Mapping[str, object]:
        gated = self.act if self.act in _SHORT else _GATED.get(self.act)
        words = {"act": gated, "gated": None} if self._gated and gated else {}
        found = self.unwritten(gated=False, bias=bias, dropout=0, experts=1, shared=0)
        return {**found, **words}

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        kind = "GatedFeedForward" if self._gated else "FeedForward"
        return g.child(
            g.name("mlp"),
            kind,
            _DOCS[self._gated],
            (x,),
            lambda v: self.network(g, v[0]),
            self.share,
            self._look(g, x),
        )

    def _look(self, g: Builder, x: Tensor) -> Look:
        act = spelt(_SHORT.get(self.act, self.act))
        title = f"Gated MLP, {act}" if self._gated else f"MLP, {act}"
        return Look(title, "mlp", ((x.width, " → ", g.fixed_size(self.hidden, x), " → ", x.width),))

    def network(self, g: Builder, x: Tensor) -> Tensor:
        """down(act(up(x))), or down(act(gate(x)) · up(x))."""
        hidden = g.fixed_size(self.hidden, x)
        bias = self.bias if self.bias is not None else g.defaults.bias is not False
        act = Activation(_SHORT.get(self.act, self.act))
        if self._gated:
            gate = Linear(hidden, bias, role="gate")(x, name="gate")
            up = Linear(hidden, bias, role="up")(x, name="up")
            y = Multiply()(act(gate), up)
        else:
            y = act(Linear(hidden, bias)(x, name="up"))
        y = dropped(g, self.dropout, y)
        return Linear(x.width, bias, ends_branch=True)(y, name="down")

    @property
    def _gated(self) -> bool:
        return bool(self.gated) or self.act in _SHORT


_SHORT = {"swiglu": "silu", "geglu": "gelu", "reglu": "relu"}
_GATED = {plain: short for short, plain in _SHORT.items()}
_DOCS = {False: "Position-wise feed-forward network.", True: "Gated feed-forward network."}
