"""The step `ffn`: a feed-forward network, dense or of experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tfspec.graph.look import Knob, Look
from tfspec.layers import mixture
from tfspec.layers.base import Layer
from tfspec.layers.dropout import dropped
from tfspec.layers.norm import NormKnobs
from tfspec.layers.residual import ResidualKnobs
from tfspec.layers.router import Router
from tfspec.ops.linear import Linear
from tfspec.ops.pointwise import Activation, Multiply, spelt
from tfspec.spec.parts import ShareField
from tfspec.spec.types import Count, Flag, Name, Rate, Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.spec.parts import Share
    from tfspec.symbolic import Dim

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


class Ffn(Layer):
    """A feed-forward: `[..., width] -> [..., width]`; down(act(up(x))) (Vaswani et al. 2017).

    Gated: down(act(gate(x)) · up(x)) (Shazeer 2020); swiglu, geglu and reglu are short for silu,
    gelu and relu, gated. With experts: each token uses `top_k` of them.
    """

    step: ClassVar[str] = "ffn"
    keeps_shape: ClassVar[bool] = True
    branch_knobs: ClassVar[frozenset[str]] = frozenset({"norm", "residual"})

    hidden: Size = Field(description="features in the middle: 4 * width")
    act: Act = Field(description="the activation")
    gated: Flag | None = Field(
        None,
        description="true: what is activated is multiplied by a third map of the input (Shazeer "
        "2020)",
    )
    bias: Flag | None = Field(None, description="biases of the maps; default: the block's")
    dropout: Rate | None = Field(
        None,
        description="its rate on the activated features, as in the code of Vaswani et al. 2017",
    )
    only: Name | None = Field(None, description="the part that is read, and added to")
    experts: Size | None = Field(None, description="number of experts")
    top_k: Size | None = Field(None, description="experts that a token uses")
    shared: Count | None = Field(
        None,
        description="how many more experts every token uses: one feed-forward of their whole width "
        "(Dai et al. 2024)",
    )
    router: Router | None = Field(None, description="how tokens find experts")
    norm: NormKnobs | None = Field(None, description="this branch's norm; default: the block's")
    residual: ResidualKnobs | None = Field(
        None, description="this branch's residual rule; default: the block's"
    )
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    def effective(self, bias: bool) -> Mapping[str, object]:
        gated = self.act if self.act in _SHORT else _GATED.get(self.act)
        words = {"act": gated, "gated": None} if self.is_gated and gated else {}
        found = self.unwritten(gated=False, bias=bias, dropout=0, experts=1, shared=0)
        return {**found, **words}

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if self.experts is None:
            mixture.check_dense(g, self)
            return self.dense(g, g.name("mlp"), x, g.fixed_size(self.hidden, x), self.share)
        doc = mixture.DOC if self.shared is None else mixture.DOC_SHARED
        return g.child(
            g.name("mlp"),
            "MixtureOfExperts",
            doc,
            (x,),
            lambda v: mixture.mixture(g, self, v[0]),
            self.share,
            self._mixed(g, x),
        )

    @property
    def _title(self) -> str:
        act = spelt(self.plain_act)
        return f"Gated MLP, {act}" if self.is_gated else f"MLP, {act}"

    def _mixed(self, g: Builder, x: Tensor) -> Look:
        """Several experts, of which a token has some, and what all tokens have."""
        sizes = _sizes(x, g.fixed_size(self.hidden, x))
        if self.experts is None or self.top_k is None:  # which is refused
            return Look(self._title, "mlp", (sizes,))
        count, chosen = (g.size(size, x) for size in (self.experts, self.top_k))
        knobs: list[Knob] = [sizes, (chosen, " of ", count, " a token")]
        if self.shared is not None and self.shared.constant != 0:
            knobs.append((g.size(self.shared, x, least=0), " for every token"))
        return Look(f"{self._title}, experts", "mlp", tuple(knobs))

    def dense(
        self, g: Builder, name: str, x: Tensor, hidden: Dim, share: Share | None = None
    ) -> Tensor:
        """A module of its own: down(act(up(x))), or down(act(gate(x)) · up(x))."""
        kind = "GatedFeedForward" if self.is_gated else "FeedForward"
        doc = _DOCS[self.is_gated]
        return g.child(
            name, kind, doc, (x,), lambda v: self._network(g, v[0], hidden), share,
            Look(self._title, "mlp", (_sizes(x, hidden),)),
        )  # fmt: skip

    def _network(self, g: Builder, x: Tensor, hidden: Dim) -> Tensor:
        bias, act = self.biased(g), Activation(self.plain_act)
        if self.is_gated:
            gate = Linear(hidden, bias, role="gate")(x, name="gate")
            up = Linear(hidden, bias, role="up")(x, name="up")
            y = Multiply()(act(gate), up)
        else:
            y = act(Linear(hidden, bias)(x, name="up"))
        y = dropped(g, self.dropout, y)
        return Linear(x.width, bias, ends_branch=True)(y, name="down")

    def biased(self, g: Builder) -> bool:
        """Whether its maps have biases: as it says, else as its block does."""
        return self.bias if self.bias is not None else g.defaults.bias is not False

    @property
    def plain_act(self) -> str:
        """The activation, without the gate that its name may be short for."""
        return _SHORT.get(self.act, self.act)

    @property
    def is_gated(self) -> bool:
        return bool(self.gated) or self.act in _SHORT


def _sizes(x: Tensor, hidden: Dim) -> Knob:
    return x.width, " → ", hidden, " → ", x.width


_SHORT = {"swiglu": "silu", "geglu": "gelu", "reglu": "relu"}
_GATED = {plain: short for short, plain in _SHORT.items()}
_DOCS = {False: "Position-wise feed-forward network.", True: "Gated feed-forward network."}
