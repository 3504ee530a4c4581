"""Ops of one value an element: activations, casts, masks, dropout, and those on constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfspec.shadow.arithmetic import Number, multiply, together
from tfspec.shadow.autograd import Grads, closed, opened
from tfspec.shadow.dtypes import BOOL, FLOAT32, INT64, Dtype, promoted, with_number
from tfspec.shadow.machine import Unpriced
from tfspec.shadow.strides import Ints, broadcast, iterated, stretched
from tfspec.shadow.tensor import Tensor, fresh, like, place

Op = Callable[..., Tensor]


def at_least(x: Tensor) -> Tensor:
    """clamp_min: backward looks again for what was less."""

    def back(given: list[Tensor]) -> Grads:
        (g,) = given
        zero = place(g.machine, "scalar_tensor", (), g.dtype)
        return [like("where", g, like("ge", g, dtype=BOOL), zero)]

    return closed(opened("ClampMin", (x,), (x,)), like("clamp_min", x), back)


def constant(op: str, *, real: bool = False) -> Op:
    """An op on tables, masks and positions: it has no rule where a gradient is needed.

    `real`: its result is a float.
    """

    def call(a: Tensor, *others: Any, **options: Any) -> Tensor:
        dtype, tensors = a.dtype, [a]
        numbers: list[Any] = []
        for b in (*others, *options.values()):
            if isinstance(b, Tensor):
                tensors.append(b)
                dtype = promoted(dtype, b.dtype)
            else:
                numbers.append(b)
                dtype = with_number(dtype, b)
        if opened(op, tensors) is not None:
            raise Unpriced(op, "has no memory rule in backward")
        if real and dtype.rank < 2:
            dtype = FLOAT32
        if tensors[1:]:
            return together(op, a, tensors[1], dtype)
        return like(op, a, dtype=dtype, by=tuple(numbers))

    return call


def compare(op: str) -> Op:
    """Booleans of a tensor and another, or a number."""

    def call(a: Tensor, b: Tensor | Number) -> Tensor:
        if isinstance(b, Tensor):
            return together(op, a, b, BOOL)
        return like(op, a, dtype=BOOL, by=b)

    return call


def activation(name: str, *, keeps_output: bool = False) -> Op:
    """An activation that keeps its input, or its result, for backward."""
    backwards = f"{name}_backward"

    def call(x: Tensor, *_: object, approximate: str = "none") -> Tensor:
        node = opened(name, (x,), () if keeps_output else (x,))
        out = like(name, x, by=approximate)
        return closed(node, out, lambda g: [like(backwards, g[0])], (out,) if keeps_output else ())

    return call


def absolute(x: Tensor) -> Tensor:
    def back(given: list[Tensor]) -> Grads:
        sign = like("sgn", given[0])
        return [like("mul", given[0], sign)]

    return closed(opened("Abs", (x,), (x,)), like("abs", x), back)


def sine(x: Tensor) -> Tensor:
    """Of angles, which backward keeps: its slope is their cosine."""

    def back(given: list[Tensor]) -> Grads:
        slope = like("cos", given[0])
        return [like("mul", given[0], slope)]

    return closed(opened("Sin", (x,), (x,)), like("sin", x), back)


def cosine(x: Tensor) -> Tensor:
    """Of angles, which backward keeps: its slope is the negative of their sine."""

    def back(given: list[Tensor]) -> Grads:
        turned = like("sin", given[0])
        slope = like("neg", turned)
        return [like("mul", given[0], slope)]

    return closed(opened("Cos", (x,), (x,)), like("cos", x), back)


def to(x: Tensor, *args: Any, dtype: Dtype | None = None, device: object = None) -> Tensor:
    """A copy in another dtype, or in that of another tensor, or x itself."""
    dtype = next((each for each in args if isinstance(each, Dtype)), dtype)
    dtype = next((each.dtype for each in args if isinstance(each, Tensor)), dtype)
    if dtype is None or dtype is x.dtype:
        return x
    had = x.dtype
    node = opened("ToCopy", (x,)) if dtype.rank == 2 else None
    return closed(node, like("to", x, dtype=dtype), lambda g: [like("to", g[0], dtype=had)])


def masked_fill(x: Tensor, mask: Tensor, value: object) -> Tensor:
    node = opened("MaskedFill", (x,), (mask,))
    shape = broadcast(x.shape, mask.shape)
    if shape == x.shape:
        out = like("masked_fill", x, mask, by=value)
    else:
        out = fresh("masked_fill", (x, mask), shape, by=value)
    return closed(node, out, lambda g: [like("masked_fill", g[0])])


def where(condition: Tensor, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """Backward takes the gradient of each where it was chosen, and zeros elsewhere."""
    tensors = [x for x in (a, b) if isinstance(x, Tensor)]
    node = opened("Where", tensors, (condition,)) if tensors else None
    shape, dtype = condition.shape, tensors[0].dtype if tensors else INT64
    for x in tensors:
        shape, dtype = broadcast(shape, x.shape), promoted(dtype, x.dtype)
    learned = [x.node is not None for x in tensors]
    laid = condition.shape, condition.strides
    strides = iterated(
        shape, *(stretched(x.shape, x.strides, shape) for x in (condition, *tensors))
    )

    def back(given: list[Tensor]) -> Grads:
        return [_chosen(given[0], *laid) if each else None for each in learned]

    numbers = tuple(x for x in (a, b) if not isinstance(x, Tensor))
    out = fresh("where", (condition, *tensors), shape, dtype, strides, by=numbers)
    return closed(node, out, back)


def _chosen(g: Tensor, shape: Ints, strides: Ints) -> Tensor:
    """By a condition of this shape and these strides."""
    zero = place(g.machine, "scalar_tensor", (), g.dtype)
    laid = iterated(g.shape, stretched(shape, strides, g.shape), g.strides)
    return fresh("where", (g, zero), g.shape, strides=laid)


def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """On a CPU a product with noise; on a GPU, and for a compiler, one op that keeps a mask of
    booleans."""
    if not training or p == 0:
        return x
    if x.machine.device == "cpu" and x.machine.joint is None:
        return multiply(x, like("dropout_noise", x))
    node = opened("NativeDropout", (x,))
    mask = like("dropout_mask", x, dtype=BOOL)
    out = like("dropout", x, mask)
    return closed(node, out, lambda g: [like("native_dropout_backward", g[0])], (mask,))


def cumulative(parts: Sequence[Tensor]) -> Dtype:
    """The dtype of tensors that are joined."""
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = promoted(dtype, part.dtype)
    return dtype
