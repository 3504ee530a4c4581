"""Views, which make nothing, and the copies that reshaping takes where strides do not merge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfspec.shadow.autograd import Grads, close, closed, opened
from tfspec.shadow.engine import summed
from tfspec.shadow.machine import Shares
from tfspec.shadow.strides import (
    Ints,
    channels_last,
    dense,
    numel,
    resolved,
    viewed,
    with_channels_last,
)
from tfspec.shadow.tensor import Tensor, alias, fresh


def spread(sizes: Sequence[Any]) -> Ints:
    """Sizes given one by one or as one tuple."""
    return tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else tuple(sizes)


def clone(x: Tensor, strides: Ints | None = None) -> Tensor:
    node = opened("Clone", (x,))
    out = fresh("clone", (x,), x.shape, strides=strides)
    return closed(node, out, list[Tensor])


def contiguous(x: Tensor) -> Tensor:
    return x if x.contiguous_now else clone(x)


def seen(
    x: Tensor, name: str, shape: Ints, strides: Ints, back: Callable[[Tensor], Any], at: int = 0
) -> Tensor:
    """A view with a node whose backward is `back` of the one gradient; `at` is where it begins."""
    out = alias(x, shape, strides)
    if x.machine.joint is not None:
        x.machine.joint.viewed(name, x, out, at)
    return closed(opened(name, (x,)), out, lambda g: [back(g[0])])


def reshape(x: Tensor, *sizes: Any) -> Tensor:
    shape = resolved(spread(sizes), numel(x.shape))
    strides, had = viewed(x.shape, x.strides, shape), x.shape
    if strides is not None:
        return seen(x, "View", shape, strides, lambda g: _reshaped(g, had))
    copy = clone(x)
    had = copy.shape
    out = seen(copy, "UnsafeView", shape, dense(shape), lambda g: _reshaped(g, had))
    out.is_view = False
    return out


def _reshaped(g: Tensor, shape: Ints) -> Tensor:
    """Outside of the graph."""
    strides = viewed(g.shape, g.strides, shape)
    if strides is None:
        return alias(fresh("clone", (g,), g.shape), shape, dense(shape))
    return alias(g, shape, strides)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    start, end = start_dim % len(x.shape), end_dim % len(x.shape)
    if start == end:
        return x
    size = numel(x.shape[start : end + 1])
    return reshape(x, (*x.shape[:start], size, *x.shape[end + 1 :]))


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    at = dim % len(x.shape)
    inner = resolved(tuple(sizes), x.shape[at])
    return reshape(x, (*x.shape[:at], *inner, *x.shape[at + 1 :]))


def permute(x: Tensor, *dims: Any) -> Tensor:
    order = [dim % len(x.shape) for dim in spread(dims)]
    back = [order.index(axis) for axis in range(len(order))]
    shape, strides = _permuted(x, order)
    return seen(x, "Permute", shape, strides, lambda g: alias(g, *_permuted(g, back)))


def _permuted(x: Tensor, order: Sequence[int]) -> tuple[Ints, Ints]:
    return tuple([x.shape[at] for at in order]), tuple([x.strides[at] for at in order])


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    order = list(range(len(x.shape)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    shape, strides = _permuted(x, order)
    return seen(x, "Transpose", shape, strides, lambda g: alias(g, *_permuted(g, order)))


def expand(x: Tensor, *sizes: Any) -> Tensor:
    given, had = spread(sizes), x.shape
    lead = len(given) - len(had)
    padded = (1,) * lead + had
    shape = tuple([b if a == -1 else a for a, b in zip(given, padded, strict=True)])
    old = (0,) * lead + x.strides
    strides = [0 if a != b else s for a, b, s in zip(padded, shape, old, strict=True)]
    for axis in range(lead):  # new axes of length 1 are laid out as if outermost
        strides[axis] = 0 if shape[axis] != 1 else numel(shape[axis + 1 :])
    return seen(x, "Expand", shape, tuple(strides), lambda g: summed(g, had))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    at, had = dim % (len(x.shape) + 1), x.shape
    stride = x.shape[at] * x.strides[at] if at < len(x.shape) else 1
    shape = (*x.shape[:at], 1, *x.shape[at:])
    strides = (*x.strides[:at], stride, *x.strides[at:])
    return seen(x, "Unsqueeze", shape, strides, lambda g: alias(g, had, _without(g.strides, at)))


def _without(values: Ints, at: int) -> Ints:
    return values[:at] + values[at + 1 :]


def squeeze(x: Tensor, dim: int) -> Tensor:
    at = dim % len(x.shape)
    if x.shape[at] != 1:
        return aliased(x)
    shape, strides = _without(x.shape, at), _without(x.strides, at)

    def back(g: Tensor) -> Tensor:
        stride = g.shape[at] * g.strides[at] if at < len(g.shape) else 1
        return alias(
            g, (*g.shape[:at], 1, *g.shape[at:]), (*g.strides[:at], stride, *g.strides[at:])
        )

    return seen(x, "Squeeze", shape, strides, back)


def aliased(x: Tensor) -> Tensor:
    """The same view again."""
    return seen(x, "Alias", x.shape, x.strides, lambda g: g)


def select(x: Tensor, dim: int, index: int = 0) -> Tensor:
    at, had = dim % len(x.shape), x.shape
    shape, strides = _without(x.shape, at), _without(x.strides, at)
    place = index % had[at] * x.strides[at]
    return seen(x, "Select", shape, strides, lambda g: fresh("select_backward", (g,), had), place)


def narrowed(x: Tensor, dim: int, part: slice, *, always: bool = False) -> Tensor:
    """x[part] along an axis; all of it is x itself, but where a view is asked for `always`."""
    start, stop, step = part.indices(x.shape[dim])
    if not always and (start, stop, step) == (0, x.shape[dim], 1):
        return x
    had, size = x.shape, len(range(start, stop, step))
    shape = (*had[:dim], size, *had[dim + 1 :])
    strides = (*x.strides[:dim], x.strides[dim] * step, *x.strides[dim + 1 :])
    place = start * x.strides[dim]
    return seen(x, "Slice", shape, strides, lambda g: fresh("slice_backward", (g,), had), place)


def unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    at, had = dimension % len(x.shape), x.shape
    shape = (*had[:at], (had[at] - size) // step + 1, *had[at + 1 :], size)
    strides = (*x.strides[:at], x.strides[at] * step, *x.strides[at + 1 :], x.strides[at])
    return seen(x, "Unfold", shape, strides, lambda g: fresh("unfold_backward", (g,), had))


# ---- several views of one value
def split(x: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    at = dim % len(x.shape)
    name = "Split" if isinstance(split_size, int) else "SplitWithSizes"
    open = isinstance(split_size, Shares)
    if isinstance(split_size, int):
        whole, rest = divmod(x.shape[at], split_size)
        split_size = [split_size] * whole + [rest] * bool(rest)
    shapes = [(*x.shape[:at], size, *x.shape[at + 1 :]) for size in split_size]
    return _parts(name, "cat", x, shapes, x.strides, open=open)


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    return split(x, -(-x.shape[dim] // chunks), dim)


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    at = dim % len(x.shape)
    shapes = [_without(x.shape, at)] * x.shape[at]
    return _parts("Unbind", "stack", x, shapes, _without(x.strides, at))


def _parts(
    name: str,
    joins: str,
    x: Tensor,
    shapes: Sequence[Ints],
    strides: Ints,
    *,
    open: bool = False,
) -> tuple[Tensor, ...]:
    """Backward joins their gradients, with zeros for a part that nothing read. `open`: data decide
    how long each is."""
    node, had = opened(name, (x,)), x.shape
    views = tuple([alias(x, shape, strides) for shape in shapes])
    if x.machine.joint is not None:
        x.machine.joint.parted(name, x, views, open=open)

    def back(given: Grads) -> Grads:
        some = next(g for g in given if g is not None)
        pairs = zip(given, shapes, strict=True)
        parts = [fresh("zeros", (some,), shape) if g is None else g for g, shape in pairs]
        last = joins == "cat" and all(channels_last(g.shape, g.strides) for g in parts)
        return [fresh(joins, parts, had, strides=with_channels_last(had) if last else None)]

    if node is not None:
        close(node, views, back)
    return views


def tensor_split(x: Tensor, indices: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    at, starts = dim % len(x.shape), (0, *indices)
    ends = (*indices, x.shape[at])
    return tuple([narrowed(x, at, slice(a, b)) for a, b in zip(starts, ends, strict=True)])
