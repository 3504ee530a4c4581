"""The knob `latent` of `attend`: queries, keys and values by way of short vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.diagnostics import Rule, Span
from tfspec.graph.look import Knob
from tfspec.layers.heads import Heads
from tfspec.layers.norm import like_the_blocks
from tfspec.layers.rotary import UNPAIRED
from tfspec.ops.attention import Attend as AttendOp
from tfspec.ops.heads import ToHeads
from tfspec.ops.latent import AttendLatent, Down
from tfspec.spec.located import Located
from tfspec.spec.types import Size
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.layers.attend import Attend

APART = Rule(
    "TS290",
    "rotary positions that a latent has no features for",
    "`rope` stands beside `latent` without `rope` in it, or the other way round.",
    "A key made of the latent cannot turn with its position, for then it could not be left out of "
    "the cache: features of their own turn (DeepSeek-AI 2024, arXiv 2405.04434, section 2.1.3).",
    "attend: {heads: 8, latent: {kv: 64}, rope: 10000}",
    "Give both, or neither: `latent: {kv: 64, rope: 16}` says how many features turn.",
)


DOC = "Multi-head latent self-attention: a cache keeps latents, no keys and no values"


class Latent(Located):
    """Low-rank queries, keys and values (DeepSeek-AI 2024).

    The paper is arXiv 2405.04434, section 2.1.
    """

    called: ClassVar[str] = "`latent`"

    q: Size | None = Field(
        None, description="width of the queries' latent; default: queries have none"
    )
    kv: Size = Field(description="width of the latent of keys and values, which a cache keeps")
    rope: Size | None = Field(
        None, description="features of a head that turn with its position, beside head_dim"
    )

    def check(
        self, g: Builder, layer: Attend, heads: Heads, x: Tensor, source: Tensor | None
    ) -> None:
        """Refuse what does not go with a latent, or not yet."""
        if (layer.rope is None) != (self.rope is None):
            raise self._half_given(g, layer)
        if x.space.single:
            raise g.not_yet("`latent` of a single token", layer.key_span("latent"))
        for what, place in self._beside(layer, heads, source):
            raise g.not_yet(f"{what} beside `latent`", place)
        self._check_pairs(g, x)
        if {"q", "k", "v"}.intersection(layer.biases(g)):
            place = layer.key_span("bias" if layer.bias is not None else "latent")
            help = ["write `bias: [out]`, or `bias: false`"]
            raise g.not_yet("`latent` with biases of q, k and v", place, help)

    def _half_given(self, g: Builder, layer: Attend) -> Exception:
        if self.rope is None:
            message = "`rope` turns features of their own beside a latent, and there are none"
            help = ["leave `rope` out", "or say how many: `latent: {kv: ..., rope: 64}`"]
            return g.refuse(APART, message, layer.key_span("rope"), help=help)
        message = "`rope` of `latent` says how many features turn, and nothing turns them"
        help = ["leave it out", "or give the base of their angles: `rope: 10000` in `attend`"]
        return g.refuse(APART, message, self.key_span("rope"), help=help)

    def _check_pairs(self, g: Builder, x: Tensor) -> None:
        turning = self.turning(g, x)
        size = g.facts.value(turning)
        if size is None or size % 2 == 0:
            return
        message = f"`rope` turns features in pairs, and `latent` gives it {size}"
        came = g.declared(*sorted(turning.symbols))
        help = ["use an even number"]
        raise g.refuse(UNPAIRED, message, self.span_of("rope"), came=came, help=help)

    def _beside(
        self, layer: Attend, heads: Heads, source: Tensor | None
    ) -> Iterator[tuple[str, Span]]:
        if source is not None:
            yield "`to`", layer.key_span("to")
        if heads.groups != heads.heads:
            yield "fewer `kv_heads`", layer.key_span("kv_heads")
        for knob in ("qk_norm", "window", "over", "pos"):
            if getattr(layer, knob) is not None:
                yield f"`{knob}`", layer.key_span(knob)
        for knob in ("partial", "over"):
            if layer.rope is not None and getattr(layer.rope, knob) is not None:
                yield f"`{knob}` of `rope`", layer.rope.key_span(knob)

    def knob(self, g: Builder, x: Tensor) -> Knob:
        """What a figure shows of it."""
        return ("latent ", g.fixed_size(self.kv, x))

    def project(self, g: Builder, layer: Attend, heads: Heads, x: Tensor) -> tuple[Tensor, ...]:
        """Queries [..., h, N, k + r], the latent [..., N, c], and the rotary key [..., N, r].

        Equations 9 and 12 to 15; latents are normed as the block norms (section 3.1.2).
        """
        width = self.turning(g, x)
        down = None if self.q is None else self._down(g, self.q, x, "q_down")
        latent = self._down(g, self.kv, x, "kv_down")
        key = Down(width, False, role="k_rope")(x, name="k_rope") if self.rope else None
        source = x if down is None else like_the_blocks(g, "q_down")(down, name="q_norm")
        q = ToHeads(heads.heads, heads.head_dim + width, False, "q")(source, name="q")
        latent = like_the_blocks(g, "latent")(latent, name="kv_norm")
        if layer.rope is None or key is None:
            return q, latent
        turn = layer.rope.op(g, layer, width, x, None)
        return replace(turn, last=True)(q), latent, turn(key)

    def turning(self, g: Builder, x: Tensor) -> Dim:
        """How many features of a head turn."""
        return Dim.of(0) if self.rope is None else g.fixed_size(self.rope, x)

    def _down(self, g: Builder, width: Size, x: Tensor, name: str) -> Tensor:
        return Down(g.fixed_size(width, x), False, role=name)(x, name=name)

    def attend(self, g: Builder, heads: Heads, plain: AttendOp, x: Tensor) -> AttendLatent:
        """Attention to what `project` makes."""
        size = g.facts.value(heads.head_dim + self.turning(g, x))
        assert size is not None
        scale = size**-0.5 if plain.scale is None else plain.scale
        apart, turns = replace(plain, keeps=False), self.rope is not None
        return AttendLatent(apart, heads.head_dim, heads.v_head_dim, turns, scale)
