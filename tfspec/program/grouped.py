"""Grouped heads beside a mask where no fused kernel of torch's takes both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.program import expr as ex
from tfspec.program.sdpa import Attention
from tfspec.program.value import Value, in_order
from tfspec.symbolic import Dim, product

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering

FUNCTION = '''def grouped_attention(q, k, v, mask=None, scale=None):
    """Attention with fewer heads of keys than of queries: causal, or by a mask [N, M].

    Flash takes no mask, and the kernel that takes one no groups: with a mask, the
    queries of a group stand below each other, as rows of one head.
    """
    if mask is None:
        return F.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scale, enable_gqa=True
        )
    rows = q.unflatten(1, (k.shape[1], -1)).flatten(2, 3)
    mask = mask.repeat(rows.shape[2] // q.shape[2], 1)
    x = F.scaled_dot_product_attention(rows, k, v, mask, scale=scale)
    return x.unflatten(2, (-1, q.shape[2])).flatten(1, 2)
'''


def serves(low: Lowering, q: Value, k: Value, v: Value, mask: Value | None, dropout: bool) -> bool:
    """Whether it is needed, and can do it: heads of one batch axis, a mask of all heads alike.

    On a CPU flash takes both, but no values of another width than keys: else every head would get a
    copy of its group's keys.
    """
    grouped = low.fixed(q.shape[-3]) != low.fixed(k.shape[-3])
    masked = mask is not None and mask.dtype == "bool" and len(mask.shape) == 2
    needed = low.target.kind == "cuda" or not low.same(k.shape[-1], v.shape[-1])
    return needed and len(q.shape) == 4 and grouped and masked and not dropout


def attend(
    low: Lowering, q: Value, k: Value, v: Value, mask: Value, scale: ex.Expr | None
) -> Value:
    """q [B, h, N, k], k [B, g, M, k], v [B, g, M, w], mask [N, M] -> [B, h, N, w]"""
    mask = _for_each_query(low, q, mask)
    kernel = _kernel(low, q, k, v, mask)
    shape = (*q.shape[:-1], v.shape[-1])
    copied = Dim.of(0) if mask.absent else 2 * product(shape)  # from groups of rows to heads
    runs, back = kernel.runs, kernel.runs.back
    runs = replace(runs, hidden=runs.hidden + copied, back=None if back is None else back + copied)
    function = low.helper("grouped_attention", FUNCTION)
    args = tuple(value.ref for value in (q, k, v, mask))
    expr = ex.Call(function, args, () if scale is None else (("scale", scale),))
    strides = kernel.strides if mask.absent else in_order(shape)
    return low.method.emit(expr, shape, "float", kernel.saves, strides=strides, kernel=runs)


def _for_each_query(low: Lowering, q: Value, mask: Value) -> Value:
    """A mask of keys alone, [1, M], as one of rows, which are repeated: [N, M]."""
    tokens, (rows, keys) = q.shape[-2], mask.shape
    if mask.absent or low.same(rows, tokens):
        return mask
    return mask.expand([(low.number(tokens, "tokens"), tokens), (ex.Name("-1"), keys)])


def _kernel(low: Lowering, q: Value, k: Value, v: Value, mask: Value) -> Attention:
    """What runs: on heads as they are, or on as many heads as keys have, with more rows."""
    if mask.absent:
        return Attention(low, q, k, v, None, dropout=False)
    batch, heads, tokens, width = q.shape
    groups = k.shape[1]
    shape = (batch, groups, heads.exact_div(groups) * tokens, width)
    rows = replace(q, shape=shape, strides=in_order(shape))
    return Attention(low, rows, k, v, mask, dropout=False, read=(q, k, v, mask))
