"""Products of matrices and convolutions: what they copy, keep and make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfspec.shadow.arithmetic import add
from tfspec.shadow.autocast import lowered
from tfspec.shadow.autograd import Grads, closed, opened
from tfspec.shadow.machine import Unpriced
from tfspec.shadow.strides import (
    Ints,
    broadcast,
    channels_last,
    dense,
    numel,
    viewed,
    with_channels_last,
)  # fmt: skip
from tfspec.shadow.tensor import Tensor, alias, fresh, in_place
from tfspec.shadow.views import expand, reshape, seen


def transposed(weight: Tensor) -> Tensor:
    """A weight [o, i] as products read it."""
    shape, strides = weight.shape[::-1], weight.strides[::-1]
    return seen(weight, "T", shape, strides, lambda g: alias(g, g.shape[::-1], g.strides[::-1]))


def mm(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """[n, i] by [i, o], which is a weight transposed."""
    to_x, to_w = x.node is not None, weight.node is not None
    biased, to_b = bias is not None, bias is not None and bias.node is not None
    kept = ((weight,) if to_x else ()) + ((x,) if to_w else ())
    inputs = (x, weight) if bias is None else (bias, x, weight)
    node = opened("Mm" if bias is None else "Addmm", inputs, kept)
    x_shape, w_shape = x.shape, weight.shape
    out = fresh("mm", (x, weight), (x_shape[0], w_shape[1]))

    def back(given: list[Tensor]) -> Grads:
        """addmm makes the gradient of its input first, mm that of the weight."""
        first = fresh("mm_to_input", given, x_shape) if to_x and biased else None
        second = _to_weight(given, w_shape) if to_w else None
        if to_x and not biased:
            first = fresh("mm_to_input", given, x_shape)
        return [given[0] if to_b else None, first, second] if biased else [first, second]

    return closed(node, out, back)


def _to_weight(given: list[Tensor], shape: Ints) -> Tensor:
    """Made as [o, i], and seen as [i, o]."""
    made = fresh("mm_to_weight", given, shape[::-1])
    return alias(made, shape, made.strides[::-1])


@lowered
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if len(x.shape) == 2:
        return mm(x, transposed(weight), bias)
    lead, width = x.shape[:-1], weight.shape[0]
    if bias is not None and x.contiguous_now:
        flat = reshape(x, numel(lead), x.shape[-1])
        out = reshape(mm(flat, transposed(weight), bias), *lead, width)
    else:
        out = matmul(x, transposed(weight))
        if bias is not None:
            return add_onto(out, bias)
    out.is_view = False
    return out


def add_onto(x: Tensor, other: Tensor) -> Tensor:
    """A sum in place; in memory of its own under a dispatch mode."""
    if x.machine.dispatch:
        return add(x, other)
    to_x, to_other = x.node is not None, other.node is not None
    node = opened("Add_", (x, other))
    out = in_place("add", x, other)
    return closed(node, out, lambda g: [g[0] if to_x else None, g[0] if to_other else None])


def grouped_mm(rows: Tensor, weight: Tensor, *, offs: Tensor) -> Tensor:
    """Each group of rows [R, d] by its matrix of [E, d, f], in one kernel of a GPU."""
    if rows.dtype is not weight.dtype:  # autocast has it on no list
        raise Unpriced("grouped_mm of two dtypes", "fails in torch")
    to_rows, to_w = rows.node is not None, weight.node is not None
    kept = ((weight,) if to_rows else ()) + ((rows,) if to_w else ())
    node = opened("GroupedMm", (rows, weight), (*kept, offs))
    had, size, strides = rows.shape, weight.shape, weight.strides
    out = fresh("grouped_mm", (rows, weight, offs), (had[0], size[2]))

    def back(given: list[Tensor]) -> Grads:
        first = fresh("grouped_mm_to_rows", given, had) if to_rows else None
        return [
            first,
            fresh("grouped_mm_to_weight", given, size, strides=strides) if to_w else None,
        ]

    return closed(node, out, back)


@lowered
def matmul(a: Tensor, b: Tensor) -> Tensor:
    """[..., n, m] @ [..., m, p], batch axes as one; copies where they do not merge.

    Rows of many axes by one matrix are rows of one axis where they lie so, or, laid anew, where the
    matrix needs a gradient (`should_fold`).
    """
    rows = numel(a.shape[:-1]), a.shape[-1]
    if len(b.shape) == 2 and (b.node is not None or viewed(a.shape, a.strides, rows) is not None):
        if len(a.shape) == 2:
            return mm(a, b)
        return reshape(mm(reshape(a, *rows), b), *a.shape[:-1], b.shape[1])
    lead = broadcast(a.shape[:-2], b.shape[:-2])
    count = numel(lead)
    out = bmm(
        reshape(expand(a, (*lead, *a.shape[-2:])), count, *a.shape[-2:]),
        reshape(expand(b, (*lead, *b.shape[-2:])), count, *b.shape[-2:]),
    )
    return reshape(out, *lead, *out.shape[1:])


def bmm(a: Tensor, b: Tensor) -> Tensor:
    to_a, to_b = a.node is not None, b.node is not None
    kept = ((b,) if to_a else ()) + ((a,) if to_b else ())
    node = opened("Bmm", (a, b), kept)
    a_shape, b_shape = a.shape, b.shape
    out = fresh("bmm", (a, b), (a_shape[0], a_shape[1], b_shape[2]))

    def back(given: list[Tensor]) -> Grads:
        second = fresh("bmm_backward", given, b_shape) if to_b else None
        return [fresh("bmm_backward", given, a_shape) if to_a else None, second]

    return closed(node, out, back)


@lowered
def conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, ...], padding: Any = 0
) -> Tensor:
    """Without dilation or groups. Channels stay last (`mkldnn_conv_use_channels_last`)."""
    axes = len(stride)
    pads = (padding,) * axes if isinstance(padding, int) else tuple(padding)
    sizes = zip(x.shape[2:], weight.shape[2:], stride, pads, strict=True)
    grid = tuple([(n + 2 * p - k) // s + 1 for n, k, s, p in sizes])
    to_x, to_w, had, w_shape = x.node is not None, weight.node is not None, x.shape, weight.shape
    inputs = (x, weight) if bias is None else (x, weight, bias)
    node = opened("Conv", inputs, (x, weight))
    last = any(channels_last(each.shape, each.strides) for each in (x, weight))
    laid = with_channels_last if last else dense
    out = _laid("conv", inputs, (x.shape[0], weight.shape[0], *grid), laid)
    b_shape = None if bias is None else bias.shape
    to_b = bias is not None and bias.node is not None

    def back(given: list[Tensor]) -> Grads:
        grads: Grads = [_laid("conv_to_input", given, had, laid) if to_x else None]
        grads.append(_laid("conv_to_weight", given, w_shape, laid) if to_w else None)
        if b_shape is not None:
            grads.append(fresh("conv_to_bias", given, b_shape) if to_b else None)
        return grads

    return closed(node, out, back)


def _laid(op: str, given: Sequence[Tensor], shape: Ints, laid: Callable[[Ints], Ints]) -> Tensor:
    return fresh(op, given, shape, strides=laid(shape))
