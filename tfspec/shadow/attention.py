"""Scaled dot-product attention, by the kernel that torch takes (see `program.sdpa`)."""

from __future__ import annotations

import math
from typing import Literal

from tfspec.shadow.arithmetic import multiply
from tfspec.shadow.autocast import lowered
from tfspec.shadow.autograd import Grads, closed, opened
from tfspec.shadow.dtypes import BOOL, FLOAT32, INT64, Dtype
from tfspec.shadow.joining import repeat_interleave
from tfspec.shadow.norms import softmax
from tfspec.shadow.patterns import begin, copied, drops, whole
from tfspec.shadow.pointwise import dropout, to
from tfspec.shadow.products import add_onto, matmul
from tfspec.shadow.strides import Ints, alike, dense
from tfspec.shadow.tensor import Layout, Tensor, fresh, like, place
from tfspec.shadow.views import contiguous, transpose

Kernel = Literal["flash", "efficient", "math"]
SOME = 0.5
"""A rate of dropout: what is kept is the same for all."""


@lowered
def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """q [..., h, N, k], k [..., g, M, k], v [..., g, M, w]"""
    kernel = _kernel(q, k, v, attn_mask, dropout_p)
    if kernel != "math":
        return _fused(q, k, v, attn_mask, kernel)
    return _math(q, k, v, attn_mask, dropout_p, is_causal)


def written(a: Tensor, b: Tensor) -> Tensor:
    """torch.matmul where attention may be written out: a compiler takes the end of its pattern for
    attention, of packed queries, keys and values where it copied them."""
    found = whole(a, b)
    if found is None:
        out = matmul(a, b)
        begin(a, b, out)
        return out
    q, turned = found
    three = q, transpose(turned, -2, -1), b
    rate = SOME if drops(a) else 0.0
    out = attention(*(map(contiguous, three) if copied(b) else three), dropout_p=rate)
    out.strides = dense(out.shape)  # what follows was traced of a product
    return out


def _kernel(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, rate: float) -> Kernel:
    """On a GPU flash takes 16 bits and no mask; the memory-efficient kernel no grouped heads."""
    four = len(q.shape) == len(k.shape) == len(v.shape) == 4
    packed = all(x.strides[-1] == 1 or x.shape[-1] == 1 for x in (q, k, v))
    flat = mask is None or len(mask.shape) in (2, 4)
    learned = mask is not None and mask.node is not None and mask.machine.grad
    dropped = rate > 0 and q.machine.device == "cpu"
    if not (four and packed and flat):
        return "math"
    gpu = q.machine.device == "cuda"
    fits = q.shape[-1] == v.shape[-1] and not (learned or dropped)
    if fits and (not gpu or (q.dtype.size == 2 and mask is None)):
        return "flash"
    return "efficient" if gpu and q.shape[-3] == k.shape[-3] else "math"


def _as_numbers(mask: Tensor, dtype: Dtype) -> Tensor:
    """A mask of booleans as numbers to add, 0 or minus infinity: made at each call."""
    if mask.dtype is not BOOL:
        return mask
    zero = place(mask.machine, "scalar_tensor", (), dtype, by=0)
    lowest = place(mask.machine, "scalar_tensor", (), dtype, by=-math.inf)
    return fresh("where", (mask, zero, lowest), mask.shape, dtype)


def _fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, kernel: Kernel) -> Tensor:
    """It keeps q, k, v, the mask, the result, and a number a query; the efficient kernel has
    numbers for queries up to a multiple of 32."""
    efficient = kernel == "efficient"
    if mask is not None:
        mask = _as_numbers(mask, q.dtype)
    masks = () if mask is None else (mask,)
    learned = tuple([x for x in masks if efficient and x.node is not None])  # flash takes none
    node = opened("Flash", (q, k, v, *learned), (*masks, q, k, v))
    shape = (*q.shape[:-1], v.shape[-1])
    strides = _by_token(shape) if efficient else alike(q.shape, q.strides)
    out = fresh("flash", (q, k, v, *masks), shape, q.dtype, strides)
    rows = -(-q.shape[-2] // 32) * 32 if efficient else q.shape[-2]
    kept = [out, fresh("logsumexp", (out,), (*q.shape[:-2], rows), FLOAT32)]
    if q.machine.device == "cuda":
        states = (1, 1) if efficient else (2, 1)
        kept += [fresh("random_state", (out,), (size,), INT64) for size in states]
    sizes, added = [Layout(x) for x in (q, k, v)], [Layout(x) for x in learned]

    def back(given: list[Tensor]) -> Grads:
        made = [(x, _by_token(x.shape)) for x in sizes] + [(x, None) for x in added]
        return [fresh("flash_backward", given, x.shape, x.dtype, laid) for x, laid in made]

    return closed(node, out, back, kept)


def _by_token(shape: Ints) -> Ints:
    """Strides of gradients [B, h, N, k]: heads lie inside of tokens."""
    batch, heads, tokens, width = shape
    del batch
    return tokens * heads * width, width, heads * width, 1


def _math(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, rate: float, causal: bool
) -> Tensor:
    """Products of matrices, in fp32 at least: `_scaled_dot_product_attention_math`."""
    dtype = q.dtype
    if mask is not None:
        mask = _as_numbers(mask, dtype)
    full = FLOAT32 if dtype.size == 2 else dtype
    q, k, v = to(q, full), to(k, full), to(v, full)  # all stay until the function returns
    scaled = multiply(q, 1.0)
    if causal:
        mask = _causal(q, k)
    keys, values = k, v
    if k.shape[-3] != q.shape[-3]:
        times = q.shape[-3] // k.shape[-3]
        keys, values = repeat_interleave(k, times, -3), repeat_interleave(v, times, -3)
    weights = matmul(scaled, multiply(transpose(keys, -2, -1), 1.0))
    if mask is not None:
        weights = add_onto(weights, mask)
    weights = softmax(weights, safe=True)
    weights = dropout(weights, rate)
    also = to(weights, dtype)  # the op gives the weights too
    out = to(matmul(weights, values), dtype)
    del also
    return out


def _causal(q: Tensor, k: Tensor) -> Tensor:
    shape = (q.shape[-2], k.shape[-2])
    every = place(q.machine, "ones", shape, BOOL)
    lower = like("tril", every)
    del every
    return _as_numbers(lower, q.dtype)
