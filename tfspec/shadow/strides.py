"""Arithmetic of shapes and strides, as ATen does it (TensorUtils.cpp, empty_like)."""

from __future__ import annotations

from functools import lru_cache

Ints = tuple[int, ...]
_CACHED = 8192  # layers repeat each other's shapes


@lru_cache(_CACHED)
def numel(shape: Ints) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


@lru_cache(_CACHED)
def dense(shape: Ints) -> Ints:
    """Strides of a fresh tensor in order."""
    strides = [0] * len(shape)
    step = 1
    for axis in range(len(shape) - 1, -1, -1):
        strides[axis] = step
        step *= max(shape[axis], 1)
    return tuple(strides)


@lru_cache(_CACHED)
def in_order(shape: Ints, strides: Ints) -> bool:
    """Whether a tensor is contiguous: axes of length 1 may have any stride."""
    return all(size == 1 or a == b for size, a, b in zip(shape, strides, dense(shape), strict=True))


@lru_cache(_CACHED)
def packed(shape: Ints, strides: Ints) -> bool:
    """Whether it is dense and without overlaps, in some order of its axes."""
    step = 1
    wide = [(stride, size) for size, stride in zip(shape, strides, strict=True) if size != 1]
    for stride, size in sorted(wide):
        if stride != step:
            return False
        step *= size
    return True


@lru_cache(_CACHED)
def iterated(shape: Ints, *operands: Ints) -> Ints:
    """Strides of a pointwise result of operands that are stretched to `shape`, by theirs.

    `TensorIteratorBase::reorder_dimensions`; with one operand, `infer_dense_strides`.
    """
    order = list(range(len(shape) - 1, -1, -1))  # from the fastest axis
    for at in range(1, len(order)):
        here = at
        for before in range(at - 1, -1, -1):
            turn = _compared(shape, operands, order[before], order[here])
            if turn < 0:
                break
            if turn > 0:
                order[before], order[here] = order[here], order[before]
                here = before
    step, found = 1, [0] * len(shape)
    for axis in order:
        found[axis] = step
        step *= max(shape[axis], 1)
    return tuple(found)


def _compared(shape: Ints, operands: tuple[Ints, ...], a: int, b: int) -> int:
    """Whether axis a lies inside of b (-1) or outside (1), by the first operand that tells."""
    for strides in operands:
        if strides[a] and strides[b]:
            if strides[a] != strides[b]:
                return -1 if strides[a] < strides[b] else 1
            if shape[a] > shape[b]:
                return 1
    return 0


@lru_cache(_CACHED)
def stretched(had: Ints, strides: Ints, shape: Ints) -> Ints:
    """Strides of an operand as a part of a wider shape: 0 where it repeats."""
    lead = len(shape) - len(had)
    inner = [
        0 if size == 1 and wide != 1 else stride
        for size, stride, wide in zip(had, strides, shape[lead:], strict=True)
    ]
    return (*(0,) * lead, *inner)


@lru_cache(_CACHED)
def alike(shape: Ints, strides: Ints) -> Ints:
    """Strides of a pointwise result of one operand, or of several that are laid out alike.

    `TensorIteratorBase::fast_set_up`: in order, or channels last, or as it is where it is packed.
    """
    if in_order(shape, strides):
        return dense(shape)
    if not packed(shape, strides):
        return iterated(shape, strides)
    if len(shape) in (4, 5):
        last = with_channels_last(shape)
        if all(size == 1 or a == b for size, a, b in zip(shape, strides, last, strict=True)):
            return last
    return strides


@lru_cache(_CACHED)
def channels_last(shape: Ints, strides: Ints) -> bool:
    """Whether ATen takes 4 or 5 axes for channels last (`is_channels_last_strides_2d`, `_3d`)."""
    if len(shape) not in (4, 5) or not strides[1]:
        return False
    least = 0
    for axis in (1, *range(len(shape) - 1, 1, -1), 0):
        if not shape[axis] or strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * max(shape[axis], 1)
    return True


def with_channels_last(shape: Ints) -> Ints:
    """Dense strides with axis 1 innermost."""
    inner = dense((shape[0], *shape[2:], shape[1]))
    return (inner[0], inner[-1], *inner[1:-1])


@lru_cache(_CACHED)
def viewed(shape: Ints, strides: Ints, new: Ints) -> Ints | None:
    """Strides of a view with a new shape, or None where it takes a copy (`computeStride`)."""
    if not shape:
        return (1,) * len(new)
    found, at = [0] * len(new), len(new) - 1
    base, had, has = strides[-1], 1, 1
    for axis in range(len(shape) - 1, -1, -1):
        had *= shape[axis]
        before = shape[axis - 1] if axis else 1
        if axis == 0 or (before != 1 and strides[axis - 1] != had * base):
            while at >= 0 and (has < had or new[at] == 1):
                found[at] = has * base
                has *= new[at]
                at -= 1
            if has != had:
                return None
            if axis:
                base, had, has = strides[axis - 1], 1, 1
    return tuple(found) if at == -1 else None


def resolved(sizes: Ints, count: int) -> Ints:
    """Sizes where one may be -1, for so many elements."""
    if -1 not in sizes:
        return sizes
    rest = 1
    for size in sizes:
        rest *= size if size != -1 else 1
    return tuple(count // rest if size == -1 else size for size in sizes)


def broadcast(a: Ints, b: Ints) -> Ints:
    if a == b:
        return a
    lead = len(a) - len(b)
    a, b = (1,) * -lead + a, (1,) * lead + b
    return tuple(y if x == 1 else x for x, y in zip(a, b, strict=True))
