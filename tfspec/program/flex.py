"""FlexAttention: where it runs, the BlockMask of a predicate, and what changes the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.graph.mask import Mask
from tfspec.graph.tensor import Tensor
from tfspec.program import expr as ex
from tfspec.program import flex_code
from tfspec.program.flex_predicates import Inside
from tfspec.program.kernels import Kernel
from tfspec.program.method import origin
from tfspec.program.saves import NO_GRADIENT, Keep, Kept, Made, Result, saves
from tfspec.program.value import Shape, Value, in_order
from tfspec.symbolic import Dim, product

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering

SINKS = '''def attend_with_sinks(q, k, v, sinks, **options):
    """Attention in which each head has a score of its own that takes weight: [h].

    Of the weight of all keys, exp(lse), the share exp(lse) / (exp(lse) + exp(sink)) is left.
    """
    x, aux = flex_attention(q, k, v, return_aux=AuxRequest(lse=True), **options)
    return x * torch.sigmoid(aux.lse - sinks[:, None]).unsqueeze(-1).to(x.dtype)
'''
NARROWEST = 16
"""Heads that its kernels take: torch refuses to compile it for narrower ones."""


def serves(
    low: Lowering, mask: Mask | None, q: Value | Tensor, v: Value | Tensor,
    biases: Sequence[Value | Tensor], *, needed: bool,
) -> bool:  # fmt: skip
    """Whether it is needed, and can do it. Causal alone needs a plainer kernel.

    `needed`: whatever the mask and the biases are.

    It wants one batch axis, and has no dropout; a cache keeps the kernel that a step of it takes.
    """
    if not low.target.flex or low.style != "fast" or "decode" in low.modes:
        return False
    plain = not needed and not biases and (mask is None or mask.exactly_causal)
    widths = [low.fixed(each.shape[-1]) or 0 for each in (q, v)]
    shaped = len(q.shape) == 4 and all(len(bias.shape) == 3 for bias in biases)
    return not plain and shaped and min(widths) >= NARROWEST


def attend(
    low: Lowering, mask: Mask | None, flags: Sequence[Value], inputs: Sequence[Value],
    softcap: ex.Expr | None, options: tuple[tuple[str, ex.Expr], ...],
    sinks: Sequence[Value] = (),
) -> Value:  # fmt: skip
    """q [B, h, N, k], k [B, g, M, k], v [B, g, M, w] and maybe biases [h, N, M] -> [B, h, N, w].

    A query that sees no key gets 0. Sinks [h], if there are any, take their share of the weight.
    """
    q, k, v, *biases = inputs
    keywords: list[tuple[str, ex.Expr]] = []
    if biases or softcap is not None:
        keywords.append(("score_mod", flex_code.score_mod(low, softcap, biases)))
    if mask is not None:
        blocks = block_mask(low, mask, q.shape[0], (q.shape[-2], k.shape[-2]), flags)
        keywords.append(("block_mask", blocks.ref))
    args = tuple(value.ref for value in (q, k, v, *sinks))
    function = low.helper("attend_with_sinks", SINKS) if sinks else ex.Name("flex_attention")
    expr = ex.Call(function, args, (*keywords, *options))
    shape = (*q.shape[:-1], v.shape[-1])
    strides = in_order(shape, low.memory_order(q))  # the kernel lays its result out as q is
    scale = Made("log-sum-exp", product(q.shape[:-1]), "float32")
    result = _shared(low, q, shape) if sinks else (Result(),)
    kept = saves(*map(Keep, inputs), *result, scale, without="the tensors of its BlockMask")
    runs = Kernel("attention", skips=True, recomputes=True)
    if sinks:  # the result is read and written again, with the shares
        again = 2 * product(shape) + 2 * product(q.shape[:-1])
        runs = replace(runs, hidden=again, launches=2)
    return low.method.emit(expr, shape, "float", kept, strides=strides, kernel=runs)


def _shared(low: Lowering, q: Value, shape: Shape) -> tuple[Kept, ...]:
    """What shares of the weight keep: the result before, and themselves, in its dtype as well."""
    rows = product(q.shape[:-1])
    shares = [Made("shares", rows, "float32"), *([Made("shares cast", rows)] if low.half else [])]
    return (Made("result before the sinks", product(shape)), *shares)


def block_mask(
    low: Lowering, mask: Mask, batch: Dim, sizes: tuple[Dim, Dim], flags: Sequence[Value]
) -> Value:
    """Which blocks of queries and keys need work: one a kind of mask, made once a forward."""
    given = dict(zip(mask.flags, map(origin, flags), strict=True))

    def build() -> Value:
        inside = Inside(low, given)
        body = inside.condition(mask.tree)
        visible = flex_code.mask_mod(low, str(mask), body, inside.captured)
        rows = low.number(batch, "batch") if inside.by_batch else ex.NONE
        lengths = tuple(low.number(size, "length") for size in sizes)
        device = ("device", low.device())
        call = ex.Call(ex.Name("create_block_mask"), (visible, rows, ex.NONE, *lengths), (device,))
        return low.method.emit(call, (), "state", NO_GRADIENT, hint="mask")

    key = ("block mask", mask, batch, sizes, tuple(given.values()))
    return low.hoist(key, "mask", build)
