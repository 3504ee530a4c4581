"""The step `attend`: attention, by one rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.graph.look import Knob, Look, between, condition
from tfspec.graph.tensor import Tensor
from tfspec.graph.window import Windows
from tfspec.layers.attend_mask import read_mask
from tfspec.layers.attend_pos import AttendPos, Origins
from tfspec.layers.base import Layer
from tfspec.layers.combine import vectors
from tfspec.layers.dropout import checked_rate
from tfspec.layers.heads import Heads, split
from tfspec.layers.latent import DOC as LATENT_DOC
from tfspec.layers.latent import Latent
from tfspec.layers.maps import MAPS, Biased, Biases, Map
from tfspec.layers.norm import NormKnobs, QKNorm
from tfspec.layers.over import read_over
from tfspec.layers.rel_bias import RelBias
from tfspec.layers.residual import ResidualKnobs
from tfspec.layers.rotary import Rope
from tfspec.layers.scale import positive
from tfspec.layers.score_bias import score_bias
from tfspec.layers.window import described, read_windows
from tfspec.ops.attention import Attend as AttendOp
from tfspec.ops.batch import joint, repeated
from tfspec.ops.heads import IntoHeads, JoinHeads, ToHeads
from tfspec.ops.linear import Linear
from tfspec.ops.over import Divide, Divided, Undivide
from tfspec.ops.sinks import Sinks
from tfspec.ops.windows import AttendWindows, FromWindows, ToWindows
from tfspec.spec.parts import ShareField
from tfspec.spec.pipeline import Pipeline, Ref, Series, items
from tfspec.spec.types import (
    AxisCounts,
    AxisNames,
    AxisSizes,
    Flag,
    Name,
    PredicateField,
    Rate,
    Size,
)
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder


class Attend(Layer):
    """Attention: softmax(scale · q·kᵀ + bias)·v, over the allowed keys (Vaswani et al. 2017).

    `[batch..., queries, width] -> [batch..., queries, width]`. Query axes not in `over` are batch;
    source axes that match them are aligned, the other source axes are the keys. What lacks batch
    axes of the other is repeated along them, once it is queries, or keys and values. A query with
    no allowed key gives 0. Query-key width: heads · head_dim; value width: heads · v_head_dim.
    """

    step: ClassVar[str] = "attend"
    keeps_shape: ClassVar[bool] = True
    branch_knobs: ClassVar[frozenset[str]] = frozenset({"norm", "residual"})
    part_fields: ClassVar[frozenset[str]] = frozenset(("to",))

    heads: Size = Field(description="number of query heads")
    kv_heads: Size | None = Field(None, description="number of key and value heads; default heads")
    head_dim: Size | None = Field(None, description="query-key size; default width / heads")
    v_head_dim: Size | None = Field(
        None, description="value size (d_v of Vaswani et al. 2017); default head_dim"
    )
    bias: Biases | None = Field(None, description="biases of the maps; default: the block's")
    scale: Rate | None = Field(
        None,
        description="a constant factor of the scores; default: the features of a query's head ** "
        "-0.5; 1 in T5 (Raffel et al. 2020)",
    )
    to: Pipeline | None = Field(None, description="where keys and values come from; default self")
    over: AxisNames | None = Field(
        None, description="the axes that attend; default all (Ho et al. 2019)"
    )
    only: Name | None = Field(None, description="the part that asks, and to which the result adds")
    mask: PredicateField | None = Field(None, description="which keys a query sees: causal")
    qk_norm: QKNorm | None = Field(None, description="a norm of queries and keys: head or full")
    softcap: Rate | None = Field(
        None, description="a smooth bound of the scores, tanh(s / cap)·cap (Gemma Team 2024)"
    )
    sinks: Flag | None = Field(
        None,
        description="one learned score a head that takes weight and gives no value (OpenAI 2025)",
    )
    dropout: Rate | None = Field(
        None, description="its rate on the attention weights, as in the code of Vaswani et al. 2017"
    )
    rope: Rope | None = Field(None, description="rotary positions: their base")
    alibi: Flag | None = Field(
        None, description="a fixed linear bias by distance (Press et al. 2022)"
    )
    rel_bias: RelBias | None = Field(
        None, description="a learned bias by relative position: axes or buckets"
    )
    latent: Latent | None = Field(
        None, description="low-rank queries, keys and values (DeepSeek-AI 2024)"
    )
    pos: AttendPos | None = Field(
        None,
        description="positions added before the query and key maps, not the values' "
        "(Carion et al. 2020)",
    )
    window: AxisSizes | None = Field(
        None, description="exact tiles within which tokens attend: {H: 7, W: 7}"
    )
    shift: AxisCounts | None = Field(None, description="cyclic shift of the tiles: {H: 3, W: 3}")
    norm: NormKnobs | None = Field(None, description="this branch's norm; default: the block's")
    residual: ResidualKnobs | None = Field(
        None, description="this branch's residual rule; default: the block's"
    )
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(
            kv_heads="heads",
            head_dim="width / heads",
            v_head_dim="head_dim",
            bias=Biased(MAPS if bias else ()),
            scale="head_dim ** -0.5",
            to="self",
            over="all",
            sinks=False,
            dropout=0,
            alibi=False,
        )

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        source = x if self.to is None else self._attended(g, x)
        terms = {} if self.pos is None else self.pos.terms(g, self, x, source)
        if joint(x, source, *terms.values()) is None:
            raise g.not_yet("attention over different batch axes", self.name_span)
        heads = split(g, self, x)
        if source is x:
            base, kind, doc = "attention", "Attention", "Multi-head self-attention"
        else:
            base, kind, doc = "cross", "CrossAttention", "Multi-head attention to another value"
        windows, divided = read_windows(g, self, x, source), read_over(g, self, x, source)
        where = "" if windows is None else described(g, windows)
        if divided is not None:
            names = [str(name) for name in self.over or ()]
            kind, where = f"{''.join(names)}Attention", f" over {' and '.join(names)}"
        if self.latent is not None:
            kind, doc = "LatentAttention", LATENT_DOC
        where += ", with a sink a head" if self.sinks else ""
        values = tuple(dict.fromkeys((x, source, *terms.values())))
        return g.child(
            g.name(base), kind, f"{heads.adjective(doc)}{where}.", values,
            lambda v: self._attention(
                g, heads, windows, divided, source is not x,
                self._origins(g, x, source, terms, dict(zip(values, v, strict=True))),
            ),
            self.share, self._look(g, x, heads, windows, divided, source is not x),
        )  # fmt: skip

    def _latent(self, g: Builder, x: Tensor) -> list[Knob]:
        return [] if self.latent is None else [self.latent.knob(g, x)]

    def _look(
        self, g: Builder, x: Tensor, heads: Heads, windows: Windows | None,
        divided: Divided | None, crosses: bool,
    ) -> Look:  # fmt: skip
        title = heads.adjective("Multi-head attention")
        one = g.facts.value(heads.groups) == 1
        if one and heads.heads != heads.groups:
            title = "Multi-query attention"
        if self.latent is not None:
            title = "Multi-head latent attention"
        if windows is not None:
            title = f"{'Shifted-window' if windows.shifted else 'Window'} attention"
        knobs: list[Knob] = [(heads.heads, " heads × ", heads.head_dim), *self._latent(g, x)]
        if heads.groups != heads.heads and not one:
            knobs.append((heads.groups, " KV heads"))
        if windows is not None:
            knobs.append(("windows of ", *between(" × ", windows.tile)))
        if divided is not None:
            knobs.append((f"over {', '.join(map(str, self.over or ()))}",))
        named = {
            "QK norm": self.qk_norm, "RoPE": self.rope, "ALiBi": self.alibi,
            "relative bias": self.rel_bias,
        }  # fmt: skip
        knobs += [(name,) for name, knob in named.items() if knob]
        knobs += [] if self.pos is None else [(self.pos.told,)]
        if self.sinks:
            knobs.append(("sinks",))
        if self.softcap is not None:
            knobs.append((f"softcap {self.softcap.text}",))
        if self.mask is not None:
            knobs.append(condition(str(self.mask), g.dims))
        return Look("Cross-attention" if crosses else title, "attention", tuple(knobs))

    def _attended(self, g: Builder, x: Tensor) -> Tensor:
        """A part of the block's value by its bare name, as it stands there; else a pipeline."""
        assert self.to is not None
        from tfspec.construct.pieces import cut

        ref, *steps = items(self.to)
        whole = x if g.whole.unknown else g.whole
        value = x if ref == Ref("self") else None
        if isinstance(ref, Ref) and whole.space.part(ref.name):
            value = cut(g, whole, [g.part(whole, ref.name, ref.span)])
        if value is not None:
            return g.read(Series(tuple(steps)), value) if steps else value
        return vectors(g, "attend", self.to, x)

    def _origins(
        self, g: Builder, x: Tensor, source: Tensor, terms: Mapping[str, Tensor],
        inside: Mapping[Tensor, Tensor],
    ) -> Origins:  # fmt: skip
        """What queries, keys and values are made of, inside the module."""
        if self.pos is None:
            return Origins(inside[x], inside[source], inside[source])
        read = {knob: inside[term] for knob, term in terms.items()}
        return self.pos.added(g, inside[x], inside[source], read)

    def _attention(
        self, g: Builder, heads: Heads, windows: Windows | None, divided: Divided | None,
        crosses: bool, of: Origins,
    ) -> Tensor:  # fmt: skip
        of = of if windows is None else of.each(ToWindows(windows))
        of = of if divided is None else of.each(Divide(divided))
        x, source = of.query, of.key if crosses else None
        made = self._projected(g, heads, of, source)
        mask, flags = read_mask(g, self, x, source)
        scale = None if self.scale is None else g.rate(self.scale, x)
        softcap = None if self.softcap is None else positive(g, "softcap", self.softcap, x)
        dropout = 0.0 if self.dropout is None else checked_rate(g, self.dropout, x)
        bias = score_bias(g, self, x.space, source, heads.heads, mask)
        plain = AttendOp(mask, flags, scale, softcap, dropout, sinks=bool(self.sinks))
        if self.sinks:
            bias = (*bias, Sinks(heads.heads)(name="sinks"))
        if windows is not None:
            y = AttendWindows(windows, scale, softcap, dropout)(*made, *bias)
        elif self.latent is not None:
            y = self.latent.attend(g, heads, plain, x)(*made, *bias)
        else:
            y = plain(*made, *bias)
        out = Linear(x.width, "out" in self.biases(g), ends_branch=True)
        y = out(JoinHeads()(y), name="out")
        y = y if windows is None else FromWindows(windows)(y)
        return y if divided is None else Undivide(divided)(y)

    def _projected(
        self, g: Builder, heads: Heads, of: Origins, source: Tensor | None
    ) -> tuple[Tensor, ...]:
        """Queries, keys and values in heads, normed and turned; or what a latent has of them."""
        x = of.query
        if self.latent is not None:
            self.latent.check(g, self, heads, x, source)
            return self.latent.project(g, self, heads, x)
        q = self._map(g, heads.heads, heads.head_dim, "q")(x, name="q")
        k = self._map(g, heads.groups, heads.head_dim, "k")(of.key, name="k")
        v = self._map(g, heads.groups, heads.v_head_dim, "v")(of.value, name="v")
        if self.qk_norm is not None:
            q, k = (self.qk_norm.normalise(g, y, role) for y, role in ((q, "q"), (k, "k")))
            if self._normed_whole:
                q, k = IntoHeads(heads.heads, "q")(q), IntoHeads(heads.groups, "k")(k)
        if self.rope is not None:
            turn = self.rope.op(g, self, heads.head_dim, x, source)
            q, k = turn(q), turn(k)
        batch = joint(q, k)
        assert batch is not None
        return repeated(q, batch), repeated(k, batch), repeated(v, batch)

    def biases(self, g: Builder) -> tuple[Map, ...]:
        """Which of its maps have one: as it says, else as its block does."""
        if self.bias is not None:
            return self.bias
        return () if g.defaults.bias is False else MAPS

    @property
    def _normed_whole(self) -> bool:
        """Whether queries and keys are normed before they are split into heads."""
        return self.qk_norm is not None and self.qk_norm.over == "full"

    def _map(self, g: Builder, heads: Dim, width: Dim, role: Map) -> ToHeads | Linear:
        bias = role in self.biases(g)
        if self._normed_whole and role != "v":
            return Linear(heads * width, bias, role=role)
        return ToHeads(heads, width, bias, role)
