"""Ops that gather, repeat, join or move whole rows: their results are new, in order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, cast

from tfspec.shadow.autocast import widest
from tfspec.shadow.autograd import Grads, closed, opened
from tfspec.shadow.dtypes import BOOL, Dtype
from tfspec.shadow.machine import Unpriced
from tfspec.shadow.pointwise import cumulative
from tfspec.shadow.routing import count
from tfspec.shadow.strides import Ints, alike, broadcast, channels_last, with_channels_last
from tfspec.shadow.tensor import Tensor, alias, fresh, like
from tfspec.shadow.views import (
    aliased,
    clone,
    expand,
    flatten,
    narrowed,
    reshape,
    select,
    spread,
    unsqueeze,
)  # fmt: skip


@widest
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    first = tensors[0]
    at = dim % len(first.shape)
    size = sum(x.shape[at] for x in tensors)
    shapes = [x.shape if x.node is not None else None for x in tensors]
    node = opened("Cat", tensors)
    shape = (*first.shape[:at], size, *first.shape[at + 1 :])
    last = all(channels_last(x.shape, x.strides) for x in tensors)
    strides = with_channels_last(shape) if last else None
    out = fresh("cat", tensors, shape, cumulative(tensors), strides, at)

    def back(given: list[Tensor]) -> Grads:
        (g,) = given
        return [alias(g, shape, g.strides) if shape is not None else None for shape in shapes]

    return closed(node, out, back)


@widest
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    first, count = tensors[0], len(tensors)
    at = dim % (len(first.shape) + 1)
    shape = (*first.shape[:at], count, *first.shape[at:])
    needing = [x.node is not None for x in tensors]
    node = opened("Stack", tensors)
    out = fresh("stack", tensors, shape, cumulative(tensors), by=at)

    def back(given: list[Tensor]) -> Grads:
        (g,) = given
        inner, strides = g.shape[:at] + g.shape[at + 1 :], g.strides[:at] + g.strides[at + 1 :]
        return [alias(g, inner, strides) if needs else None for needs in needing]

    return closed(node, out, back)


def roll(x: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    node = opened("Roll", (x,))
    each = zip(shifts, dims, strict=True) if dims is not None else ()
    out = fresh("roll", (x,), x.shape, by=tuple(each))
    return closed(node, out, lambda g: [fresh("roll", g, g[0].shape)])


def flip(x: Tensor, *dims: Any) -> Tensor:
    def copied(g: Tensor) -> Tensor:
        return fresh("flip", (g,), g.shape, strides=alike(g.shape, g.strides), by=repr(dims))

    return closed(opened("Flip", (x,)), copied(x), lambda g: [copied(g[0])])


def repeat_interleave(x: Tensor, repeats: int, dim: int) -> Tensor:
    """Each index of an axis so many times."""
    at = dim % len(x.shape)
    wide = unsqueeze(x, at + 1)
    wide = expand(wide, (*x.shape[: at + 1], repeats, *x.shape[at + 1 :]))
    return flatten(clone(wide), at, at + 1)


def embedding(indices: Tensor, weight: Tensor) -> Tensor:
    had = weight.shape
    node = opened("Embedding", (weight,), (indices,))
    out = fresh("embedding", (weight, indices), (*indices.shape, had[1]))
    return closed(node, out, lambda g: [fresh("embedding_backward", g, had)])


def rows(table: Tensor, indices: Sequence[Tensor], axis: int = 0) -> Tensor:
    """table[index], or so from a later axis on; flags stand for as many rows as are true.

    Several indices, one an axis, are stretched.
    """
    had = table.shape
    node = opened("Index", (table,), indices)
    taken, axes = _taken(indices)
    shape = (*had[:axis], *taken, *had[axis + axes :])
    out = fresh("index", (table, *indices), shape)

    def back(given: list[Tensor]) -> Grads:
        """Zeros, to which rows are added: in place, but under a dispatch mode."""
        zeros = fresh("new_zeros", given, had)
        return [fresh("index_put", (zeros, *given), had) if zeros.machine.dispatch else zeros]

    return closed(node, out, back)


def _taken(indices: Sequence[Tensor]) -> tuple[Ints, int]:
    """The axes that indices make, and how many they take the place of."""
    first, *others = indices
    if first.dtype is not BOOL:
        return reduce(broadcast, [index.shape for index in indices]), len(indices)
    if others:
        raise Unpriced("an index of several tensors", "of which one is of flags is refused")
    return (count(first),), len(first.shape)


def put(x: Tensor, index: Tensor, values: Tensor) -> None:
    """x[flags] = values, in place: backward clears these rows in a copy, and takes them out.

    Python's assignment drops leading axes of length 1, and backward sums over them.
    """
    if x.dtype is not values.dtype:
        raise Unpriced("an assignment to rows of another dtype", "fails in torch")
    inner = _without_ones(values.shape)
    values = values if inner == values.shape else reshape(values, inner)
    rows = (count(index), *x.shape[len(index.shape) :])
    node = opened("IndexPut", (x, values), (index,))
    if x.machine.joint is not None:
        x.machine.joint.made("index_put", x, (x, index, values), None)
    shape, to_x, to_values = values.shape, x.node is not None, values.node is not None

    def back(given: list[Tensor]) -> Grads:
        first = _cleared(given[0], shape) if to_x else None
        return [first, fresh("index", given, rows) if to_values else None]

    closed(node, x, back)


def _without_ones(shape: Ints) -> Ints:
    return next((shape[at:] for at, size in enumerate(shape) if size != 1), ())


def _cleared(grad: Tensor, shape: Ints) -> Tensor:
    return like("index_put", grad, fresh("zeros", (grad,), shape))


def pad(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float = 0) -> Tensor:
    if mode != "constant":
        raise Unpriced(f"F.pad(mode={mode!r})")
    shape, had = list(x.shape), x.shape
    for at in range(len(pad) // 2):
        shape[-1 - at] += pad[2 * at] + pad[2 * at + 1]
    node = opened("ConstantPadNd", (x,))
    out = fresh("pad", (x,), tuple(shape), by=(*pad, value))
    return closed(node, out, lambda g: [fresh("pad_backward", g, had)])


def new_ones(x: Tensor, *size: Any, **_: object) -> Tensor:
    return fresh("new_ones", (x,), spread(size))


def new_zeros(x: Tensor, *size: Any, **_: object) -> Tensor:
    return fresh("new_zeros", (x,), spread(size))


def ones_like(x: Tensor, dtype: Dtype | None = None) -> Tensor:
    return like("ones_like", x, dtype=dtype)


def zeros_like(x: Tensor) -> Tensor:
    return like("zeros", x)


def index(x: Tensor, key: Any) -> Tensor:
    """x[key]: views one after another; one tensor takes rows."""
    if isinstance(key, slice):  # alone it is a view of its own, even of the whole
        return narrowed(x, 0, cast("slice[Any, Any, Any]", key), always=True)
    given = cast("tuple[Any, ...]", key if isinstance(key, tuple) else (key,))
    out, axis = x, 0
    taken: list[tuple[Tensor, int]] = []
    for item in _whole(x, given):
        if item is None:
            out = unsqueeze(out, axis)
        elif isinstance(item, int):
            out = select(out, axis, item)
            continue
        elif isinstance(item, Tensor):
            taken.append((item, axis))
        else:
            out = narrowed(out, axis, item)
        axis += 1
    axes = [axis for _, axis in taken]
    if axes != list(range(axes[0], axes[0] + len(axes)) if axes else ()):
        raise Unpriced("an index of several tensors", "that do not stand side by side is refused")
    if taken:
        return rows(out, [tensor for tensor, _ in taken], axes[0])
    return aliased(x) if out is x else out


def _whole(x: Tensor, key: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key with its ellipsis spelled out."""
    at = next((at for at, item in enumerate(key) if item is Ellipsis), None)
    if at is None:
        return key
    rest = len(x.shape) - sum(item is not None for item in key) + 1
    return (*key[:at], *[slice(None)] * rest, *key[at + 1 :])
