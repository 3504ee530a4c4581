"""Latent attention: keys and values made of one short vector a token, which is all a cache keeps.

DeepSeek-AI 2024 (DeepSeek-V2, arXiv 2405.04434), section 2.1, equations 9 to 19.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from tfspec.graph.look import Knob, Look, chip
from tfspec.graph.rates import Rate
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Axis
from tfspec.graph.tensor import Tensor, features
from tfspec.graph.trace import Node, Op, Reach
from tfspec.ops.attention import Attend, Unlearned, check_cached
from tfspec.ops.heads import ToHeads
from tfspec.ops.linear import Linear, linear_member
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Down(Linear):
    """A narrow map of the block's value, a latent or the key that turns: all of them are `latents`.

    [..., N, d] -> [..., N, width], equations 9, 12 and 15.
    """

    def joint_name(self, low: Lowering, node: Node) -> str | None:
        assert node.group is not None
        return low.joint_name(node.group, "latents")


@dataclass(frozen=True)
class AttendLatent(Unlearned):
    """Attention to keys [k of the latent; the rotary key] and values of the latent.

    q [..., h, N, k + r], latent [..., N, c], and with `rope` a rotary key [..., N, r], which all
    heads share; maybe a bias of the scores [h, N, N] -> [..., h, N, w]. `attend` is the attention
    itself; `scale` is its factor of the scores as a number, by default (k + r) ** -0.5.

    Decoding makes no key and no value of earlier tokens: q·(W k) = (Wᵀ q)·k, so queries are brought
    to the latent's width, and what is averaged there goes through the values' map (section 2.1.2:
    that map is absorbed). Equations 10, 11 and 16 to 18.
    """

    attend: Attend
    head_dim: Dim
    v_head_dim: Dim
    rope: bool
    scale: Rate

    def infer(self, *inputs: Tensor) -> Tensor:
        q = inputs[0]
        return Tensor((*q.axes[:-1], features(self.v_head_dim)), q.space)

    def define(self, *inputs: Tensor) -> Tensor:
        q, latent, key, biases = self._taken(inputs)
        heads = q.axes[-3].size
        k = ToHeads(heads, self.head_dim, False, "k", alone=True)(latent, name="k")
        v = ToHeads(heads, self.v_head_dim, False, "v", alone=True)(latent, name="v")
        k = BesideHeads()(k, *key) if key else k
        return self.attend(q, k, v, *biases)

    def define_decoding(self, *inputs: Tensor) -> Tensor:
        q, latent, key, biases = self._taken(inputs)
        q = IntoLatent(self.head_dim, latent.width)(q, name="k")
        k = AsHead()(KeepLatent(self.attend)(latent, *key))
        v = FirstFeatures(latent.width)(k)
        y = replace(self.attend, scale=self.scale)(q, k, v, *biases)
        return OutOfLatent(self.v_head_dim)(y, name="v")

    def _taken(
        self, inputs: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
        q, latent, *rest = inputs
        return q, latent, tuple(rest[: self.rope]), tuple(rest[self.rope :])

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        raise NotImplementedError("a composite costs what its definition costs")

    def label(self) -> str:
        return "attend"

    def look(self, *inputs: Tensor) -> Look:
        """It has the maps of keys and values in it, which only its ops show."""
        q, latent, *_ = inputs
        look, made = self.attend.look(*inputs), self.head_dim + self.v_head_dim
        maps: Knob = ("k, v: ", latent.width, " → ", q.axes[-3].size, " × ", made)
        return replace(look, knobs=(maps, *look.knobs))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        if low.caches and low.mode != "decode":
            _keep(low, node, self.attend, inputs[1 : 2 + self.rope])
        return low.expand(node, inputs)


@dataclass(frozen=True)
class BesideHeads(Unlearned):
    """A key that all heads share, behind each head's own: [..., h, N, k], [..., N, r] ->
    [..., h, N, k + r] (equation 17)."""

    def infer(self, *inputs: Tensor) -> Tensor:
        k, shared = inputs
        return Tensor((*k.axes[:-1], features(k.width + shared.width)), k.space, role="k")

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a copy

    def label(self) -> str:
        return "beside the rotary key"

    def look(self, *inputs: Tensor) -> Look:
        return chip("beside the rotary key")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        k, shared = inputs
        at = len(k.shape) - 3
        same, heads = ex.Name("-1"), low.number(k.shape[at], "heads")
        sizes = [(same if axis != at else heads, size) for axis, size in enumerate(k.shape)]
        sizes[-1] = (same, shared.shape[-1])
        each = shared.new_axes("b" * at + "1").expand(sizes).named("k_rope")
        shape = (*k.shape[:-1], k.shape[-1] + shared.shape[-1])
        return low.cat((k, each), "-1", shape).named("k")


@dataclass(frozen=True)
class IntoLatent(Op):
    """Queries as the latent takes them: [..., h, N, k + r] -> [..., h, N, c + r].

    The first k features go through the transpose of the keys' map [h·k, c]; the rotary ones pass.
    """

    reach: ClassVar[Reach] = "token"

    head_dim: Dim
    width: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        (q,) = inputs
        return Tensor((*q.axes[:-1], features(self.width + self._rest(q))), q.space, role="q")

    def _rest(self, q: Tensor) -> Dim:
        return q.width - self.head_dim

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        rows = inputs[0].axes[-3].size * self.head_dim
        return {"weight": WeightSpec((rows, self.width), "linear")}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return 2 * inputs[0].rows * self.head_dim * self.width

    def label(self) -> str:
        return "into the latent"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Into the latent", "linear", ((self.head_dim, " → ", self.width),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (q,) = inputs
        matrix = _by_heads(low, node, q.shape[-3])
        rest = self._rest(node.inputs[0])
        if low.fixed(rest) == 0:
            return (q @ matrix).named("q")
        sizes = [(low.number(size, "head_dim"), size) for size in (self.head_dim, rest)]
        q, turned = q.split(sizes, -1, ["q", "q_rope"])
        shape = (*q.shape[:-1], self.width + rest)
        return low.cat(((q @ matrix).named("q"), turned), "-1", shape).named("q")


@dataclass(frozen=True)
class OutOfLatent(Op):
    """Averages of latents as values: [..., h, N, c] -> [..., h, N, w], by the values' map
    [h·w, c]."""

    reach: ClassVar[Reach] = "token"

    width: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        return Tensor((*inputs[0].axes[:-1], features(self.width)), inputs[0].space)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        (y,) = inputs
        return {"weight": WeightSpec((y.axes[-3].size * self.width, y.width), "linear")}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return 2 * inputs[0].elements * self.width

    def label(self) -> str:
        return "out of the latent"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Out of the latent", "linear", ((inputs[0].width, " → ", self.width),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (y,) = inputs
        return y @ _by_heads(low, node, y.shape[-3]).transpose(1, 2)


def _by_heads(low: Lowering, node: Node, heads: Dim) -> Value:
    """The weight of a map to heads, each head's apart: [h, k, c]."""
    assert node.group is not None
    rows, width = node.group.weights["weight"].shape
    low.own(node.group, lambda _: linear_member(low, [node], width, rows))
    sizes = [(low.number(heads, "heads"), heads), (ex.Name("-1"), rows.exact_div(heads))]
    return low.weight(node.group, "weight").unflatten(0, sizes)


@dataclass(frozen=True)
class KeepLatent(Unlearned):
    """All that is kept of a token: its latent and its rotary key, [..., N, c] and [..., N, r] ->
    [..., S, c + r] in the slots of the cache."""

    attend: Attend

    def infer(self, *inputs: Tensor) -> Tensor:
        first = inputs[0]
        width = sum((each.width for each in inputs), Dim.of(0))
        return Tensor((*first.axes[:-1], features(width)), first.space, role="kept")

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a copy

    def label(self) -> str:
        return "cache"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        kept = _keep(low, node, self.attend, inputs)
        assert kept is not None, "what a prompt leaves behind is not read again"
        return kept


def _keep(low: Lowering, node: Node, attend: Attend, parts: Sequence[Value]) -> Value | None:
    """Leaves what is to be kept in the cache; all that it has, while decoding."""
    return low.latent_cached(parts, check_cached(node, attend.mask).window)


@dataclass(frozen=True)
class AsHead(Unlearned):
    """Features of tokens as the one head that all queries see: [..., N, c] -> [..., 1, N, c]."""

    def infer(self, *inputs: Tensor) -> Tensor:
        *lead, tokens, width = inputs[0].axes
        axes = (*lead, Axis("heads", Dim.of(1)), tokens, width)
        return Tensor(axes, inputs[0].space, role="k")

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a view

    def label(self) -> str:
        return "k"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        return x.new_axes("b" * (len(x.shape) - 2) + "1").named("k")


@dataclass(frozen=True)
class FirstFeatures(Unlearned):
    """The latent, which stands before the rotary key in what is kept: [..., c + r] -> [..., c]."""

    width: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        return Tensor((*x.axes[:-1], features(self.width)), x.space, role="v")

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a view

    def label(self) -> str:
        return "v"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        stop = ex.Slice(None, low.number(self.width, "width"))
        expr = ex.Index(x.ref, (ex.Name("..."), stop))
        return x.view(expr, (*x.shape[:-1], self.width), x.strides).named("v")
