"""Scaled dot-product attention: one composite op, and the smaller ops that define it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from tfspec.diagnostics import Label
from tfspec.graph.look import Knob, Look
from tfspec.graph.mask import Mask
from tfspec.graph.mask_count import exact, pairs
from tfspec.graph.rates import Rate
from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Op, Reach
from tfspec.ops.bias import AddBias
from tfspec.ops.pointwise import Dropout, Softcap
from tfspec.ops.sinks import beside, without
from tfspec.program import expr as ex
from tfspec.program import flex, grouped, heads, masks
from tfspec.program.lowering import Lowering
from tfspec.program.rates import number
from tfspec.program.refusal import NotYet
from tfspec.program.saves import LINEAR
from tfspec.program.sdpa import Attention, flash
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


class Unlearned(Op):
    """Attention itself learns nothing: its projections are maps of their own."""

    reach: ClassVar[Reach] = "text"

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # nothing is learned


X = TypeVar("X")


@dataclass(frozen=True)
class Attend(Unlearned):
    """softmax(q kᵀ · scale + bias, over the allowed keys) v; a query without a key gives 0.

    q [..., h, N, k], k [..., g, M, k], v [..., g, M, w], and maybe a bias of the scores [h, N, M]
    -> [..., h, N, w]; g divides h. With `sinks` [h] as last input, each head's softmax has one more
    score, which takes weight and has no value. `flags` are the bool inputs that the mask reads, in
    its order; `scale` None means k ** -0.5. The soft cap bounds the scores before the bias is
    added. `keeps`: its keys and values are what a cache keeps; else whoever made them sees to that,
    in a body of its own for decoding.
    Sources: Vaswani et al. 2017, section 3.2.1; grouped keys: Ainslie et al. 2023; sinks: OpenAI
    2025.
    """

    mask: Mask | None
    flags: tuple[Tensor, ...] = ()
    scale: Rate | None = None
    softcap: Rate | None = None
    dropout: Rate = 0.0
    keeps: bool = True
    sinks: bool = False

    def infer(self, *inputs: Tensor) -> Tensor:
        q, _, v, *_ = inputs
        return Tensor((*q.axes[:-1], v.axes[-1]), q.space)

    def define(self, *inputs: Tensor) -> Tensor:
        q, k, v, *more = inputs
        biases, sinks = self._given(more)
        scores = Scores(self.scale)(q, k)
        scores = Softcap(self.softcap)(scores) if self.softcap else scores
        for bias in biases:
            scores = AddBias()(scores, bias)
        weights = Softmax(self.mask, self.flags)(scores, *sinks)
        weights = Dropout(self.dropout)(weights) if self.dropout else weights
        return Mix()(weights, v)

    def _given(self, more: Sequence[X]) -> tuple[Sequence[X], Sequence[X]]:
        """Of what it has beside q, k and v: the biases of the scores, and the sinks."""
        return (more[:-1], more[-1:]) if self.sinks else (more, ())

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        raise NotImplementedError("a composite costs what its definition costs")

    def needed(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """As many queries as the mask leaves pairs, each with one key."""
        q, k, v, *biases = inputs
        if self.mask is None:
            return inputs
        queries, keys = q.axes[-2].size, k.axes[-2].size
        seen = pairs(self.mask.tree, queries, keys)
        return (_along(q, seen), _along(k, Dim.of(1)), _along(v, Dim.of(1)), *biases)

    @property
    def needs_exactly(self) -> bool:
        """Inputs and coordinates hide pairs that are counted as seen."""
        return self.mask is None or exact(self.mask.tree)

    @property
    def looks_ahead(self) -> bool:
        return self.mask is None or not self.mask.causal

    def label(self) -> str:
        return "attend"

    def look(self, *inputs: Tensor) -> Look:
        knobs = (*capped(self.softcap), *_seen(self.mask, sinks=self.sinks))
        return Look("Attention", "attention", knobs)

    def takes_as_they_lie(self, low: Lowering, node: Node) -> bool:
        if self._flexible(low, node):
            return True
        q, _, v, *biases = node.inputs
        plain, dropout = low.style == "fast" and not self._by_hand, bool(self.dropout)
        lead = self._lead(q, biases)
        shapes = (_one_batch(x.shape, lead) for x in (q, v))
        return plain and flash(low, *shapes, learned=bool(biases), dropout=dropout)

    def _lead(self, q: Tensor, biases: Sequence[Tensor]) -> int:
        """How many batch axes are one for the kernel: it wants four; masks have their own."""
        joins = not biases and (self.mask is None or self.mask.exactly_causal)
        return len(q.shape) - 3 if joins and len(q.shape) > 4 else 1

    def _flexible(self, low: Lowering, node: Node) -> bool:
        q, _, v, *more = node.inputs
        biases, _ = self._given(more)
        serves = flex.serves(low, self.mask, q, v, biases, needed=self._by_hand)
        return serves and not self.dropout

    @property
    def _by_hand(self) -> bool:
        """Whether torch's plainer kernels cannot do it: they change no score, and have no sinks."""
        return bool(self.softcap) or self.sinks

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        q, k, v, *biases = inputs
        if low.caches and self.keeps:
            k, v = self._cached(low, node, k, v)
        if self.takes_as_they_lie(low, node):
            v = heads.apart(low, v, q, k)
        if self._flexible(low, node):
            return self._flex(low, q, k, v, *biases)
        if low.style == "explicit" or self._by_hand:
            return low.expand(node, (q, k, v, *biases))
        flags = low.roots_of(self.flags)
        plan = masks.for_kernel(low, self.mask, q, k, flags, *biases, one_body=self.keeps)
        if plan.mask and grouped.serves(low, q, k, v, plan.mask, bool(self.dropout)):
            scale = number(self.scale, "scale") if self.scale is not None else None
            return grouped.attend(low, q, k, v, plan.mask, scale)
        lead = 1 if plan.mask else self._lead(node.inputs[0], node.inputs[3:])
        batch = q.shape[:lead]
        if lead > 1:
            q, k, v = (x.flatten(0, lead - 1).named(n) for x, n in ((q, "q"), (k, "k"), (v, "v")))
        args = [value.ref for value in (q, k, v)] + ([plan.mask.ref] if plan.mask else [])
        options = plan.options + kernel_options(low, self.scale, self.dropout, q, k)
        expr = ex.Call(ex.Name("F.scaled_dot_product_attention"), tuple(args), options)
        kernel = Attention(low, q, k, v, plan.mask, low.drops(self.dropout))
        out = low.method.emit(
            expr, kernel.shape, "float", kernel.saves, strides=kernel.strides, kernel=kernel.runs
        )
        return out if lead == 1 else out.unflatten(0, _texts(low, batch))

    def _flex(self, low: Lowering, q: Value, k: Value, v: Value, *more: Value) -> Value:
        biases, sinks = self._given(more)
        cap = number(self.softcap, "cap") if self.softcap else None
        flags = low.roots_of(self.flags)
        options = kernel_options(low, self.scale, self.dropout, q, k)
        return flex.attend(low, self.mask, flags, (q, k, v, *biases), cap, options, sinks)

    def _cached(self, low: Lowering, node: Node, k: Value, v: Value) -> tuple[Value, Value]:
        """Keys and values with the earlier ones; only a causal mask lets them be kept.

        Those of a memory are made once: what does not follow the text stays as it is.
        """
        if node.inputs[1] not in low.graph.follows:
            return low.kept_whole(k, v)
        check_same_tokens(low, node)
        return low.cached(k, v, check_cached(node, self.mask).window)


def _seen(mask: Mask | None, *, sinks: bool) -> tuple[Knob, ...]:
    """What a figure says of who takes weight."""
    return (*(((mask.text,),) if mask else ()), *((("sinks",),) if sinks else ()))


def capped(softcap: Rate | None) -> tuple[Knob, ...]:
    """What a figure says of a soft cap of the scores."""
    return ((Softcap(softcap).words,),) if softcap else ()


def check_same_tokens(low: Lowering, node: Node) -> None:
    """Raises NotYet where what is made of a text attends to other tokens that are made of it."""
    q, k = ([part.axes for part in tensor.space.parts] for tensor in node.inputs[:2])
    if q != k:
        message = "attention to other tokens of a text is not supported yet in decoding"
        raise NotYet.of(message, low.place, "let it attend to itself, or ask for no decoding")


def check_cached(node: Node, mask: Mask | None) -> Mask:
    """The mask, which must be causal. Raises NotYet: else later tokens change earlier ones."""
    if mask is None or not mask.causal:
        message = "attention that is not causal is not supported yet in decoding"
        help = "give every attention of a text to itself `mask: causal`, or ask for no decoding"
        raise NotYet.of(message, Label(node.span) if node.span else None, help)
    return mask


def _one_batch(shape: Sequence[Dim], lead: int) -> tuple[Dim, ...]:
    """A shape whose first axes are one."""
    return (product(shape[:lead]), *shape[lead:])


def _texts(low: Lowering, sizes: Sequence[Dim]) -> list[tuple[ex.Expr, Dim]]:
    """Sizes as they are written; torch finds the first by itself."""
    first, *rest = sizes
    return [(ex.Name("-1"), first), *((low.number(size, "batch"), size) for size in rest)]


def _along(x: Tensor, tokens: Dim) -> Tensor:
    """Heads [..., N, k] of another number of tokens."""
    *lead, axis, features = x.axes
    return replace(x, axes=(*lead, replace(axis, size=tokens), features))


def kernel_options(
    low: Lowering, scale: Rate | None, dropout: Rate, q: Value, k: Value
) -> tuple[tuple[str, ex.Expr], ...]:
    """What torch's fused attention is told beside its mask."""
    options: list[tuple[str, ex.Expr]] = []
    if dropout:
        p = ex.Binary("*", number(dropout, "dropout"), ex.Member("training"))
        options.append(("dropout_p", p))
    if scale is not None:
        options.append(("scale", number(scale, "scale")))
    if low.fixed(q.shape[-3]) != low.fixed(k.shape[-3]):
        options.append(("enable_gqa", ex.TRUE))
    return tuple(options)


@dataclass(frozen=True)
class Scores(Unlearned):
    """q kᵀ · scale: [..., h, N, k], [..., g, M, k] -> [..., h, N, M]."""

    scale: Rate | None

    def infer(self, *inputs: Tensor) -> Tensor:
        q, k = inputs
        return Tensor((*q.axes[:-1], k.axes[-2]), q.space, role="scores")

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return 2 * outputs[0].elements * inputs[0].width

    def label(self) -> str:
        return "scores"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Scores", "attention", (("q·k" if self.scale == 1 else "q·k, scaled",),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        q, k = inputs
        scores = q @ each_head(low, k, q).transpose(len(k.shape) - 2, len(k.shape) - 1)
        return scores.times(self._scale(low, q)).named("scores")

    def _scale(self, low: Lowering, q: Value) -> ex.Expr:
        if self.scale is not None:
            return number(self.scale, "scale")
        return ex.Binary("**", low.number(q.shape[-1], "head_dim"), ex.Name("-0.5"))


@dataclass(frozen=True)
class Softmax(Unlearned):
    """Each query's weights over the keys it may see: [..., h, N, M]; all 0 where there is none.

    With sinks [h] as second input, one more score takes its share: exp(s) / (exp(sink) + sum over
    the keys of exp(s)).
    """

    mask: Mask | None
    flags: tuple[Tensor, ...] = ()

    def infer(self, *inputs: Tensor) -> Tensor:
        return Tensor(inputs[0].axes, inputs[0].space, role="weights")

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # exponentials and a sum: no products

    def label(self) -> str:
        return "softmax"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Softmax", "attention", _seen(self.mask, sinks=len(inputs) > 1))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        scores, *sinks = inputs
        if self.mask is None:
            return low.record_map(self._weights(low, scores, sinks).named("weights"))
        mask = masks.tensor(
            low, self.mask, scores.shape[-2], scores.shape[-1], low.roots_of(self.flags)
        )
        some = self.mask.keeps_one or bool(sinks)  # of a row there is always a score to be seen
        hidden = ~mask if some else (~mask).named("hidden")
        scores = scores.masked_fill(hidden, self._lowest(scores, some)).named("scores")
        weights = self._weights(low, scores, sinks)
        if not some:
            weights = weights.masked_fill(hidden, ex.Name("0"))
        return low.record_map(weights.named("weights"))

    def _weights(self, low: Lowering, scores: Value, sinks: Sequence[Value]) -> Value:
        for each in sinks:
            return without(beside(low, scores, each).softmax())
        return scores.softmax()

    def _lowest(self, scores: Value, some: bool) -> ex.Expr:
        """What hides a key. A row hidden whole stays finite, or its gradient were not a number."""
        if some:
            return ex.Name('float("-inf")')
        limits = ex.Call(ex.Name("torch.finfo"), (ex.Attribute(scores.ref, "dtype"),))
        return ex.Attribute(limits, "min")


@dataclass(frozen=True)
class Mix(Unlearned):
    """The values, averaged by the weights: [..., h, N, M], [..., g, M, w] -> [..., h, N, w]."""

    def infer(self, *inputs: Tensor) -> Tensor:
        weights, v = inputs
        return Tensor((*weights.axes[:-1], v.axes[-1]), weights.space)

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        weights, v = inputs
        return 2 * weights.elements * v.width

    def label(self) -> str:
        return "mix"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Mix", "attention", (("weights · v",),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        weights, v = inputs
        return weights @ each_head(low, v, weights)


def each_head(low: Lowering, x: Value, q: Value) -> Value:
    """Grouped keys or values repeated for the queries' heads: [..., g, M, k] -> [..., h, M, k]."""
    heads, groups = q.shape[-3], x.shape[-3]
    if low.fixed(heads) == low.fixed(groups):
        return x
    axis = len(x.shape) - 3
    repeats = low.number(heads.exact_div(groups), "group")
    expr = ex.Call(
        ex.Attribute(x.ref, "repeat_interleave"), (repeats,), (("dim", ex.Name(str(axis))),)
    )
    return x.fresh(expr, (*x.shape[:axis], heads, *x.shape[axis + 1 :]), LINEAR)
