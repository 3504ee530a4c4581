"""Ops of one value an element: arithmetic, activations, casts, masks and dropout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfspec.shadow.autograd import Grads, closed, opened
from tfspec.shadow.dtypes import BOOL, FLOAT32, INT64, Dtype, promoted, with_number
from tfspec.shadow.machine import Unpriced
from tfspec.shadow.strides import alike, broadcast, iterated, packed, stretched
from tfspec.shadow.tensor import Tensor, fresh, like, place

Number = int | float
Op = Callable[..., Tensor]


def together(op: str, a: Tensor, b: Tensor, dtype: Dtype | None = None) -> Tensor:
    """The result of two operands that stretch to one shape."""
    if dtype is None:
        dtype = promoted(a.dtype, b.dtype) if len(b.shape) else a.dtype
    if a.shape == b.shape and a.strides == b.strides and packed(a.shape, a.strides):
        return fresh(op, (a, b), a.shape, dtype, alike(a.shape, a.strides))
    shape = broadcast(a.shape, b.shape)
    laid = (stretched(x.shape, x.strides, shape) for x in (a, b))
    return fresh(op, (a, b), shape, dtype, iterated(shape, *laid))


def add(a: Tensor, b: Tensor | Number, alpha: int = 1) -> Tensor:
    return _sum("Add", "add", a, b)


def subtract(a: Tensor, b: Tensor | Number) -> Tensor:
    return _sum("Sub", "sub", a, b)


def _sum(name: str, op: str, a: Tensor, b: Tensor | Number) -> Tensor:
    if not isinstance(b, Tensor):
        node = opened(name, (a,))
        return closed(node, like(op, a, dtype=with_number(a.dtype, b)), list[Tensor])
    node = opened(name, (a, b))
    to_a, to_b, minus = a.node is not None, b.node is not None, op == "sub"

    def back(given: list[Tensor]) -> Grads:
        (g,) = given
        return [g if to_a else None, (like("neg", g) if minus else g) if to_b else None]

    return closed(node, together(op, a, b), back)


def negated_by(a: Tensor, b: Number) -> Tensor:
    """b - a, for a number b."""
    out = like("rsub", a, dtype=with_number(a.dtype, b))
    return closed(opened("Rsub", (a,)), out, lambda g: [like("neg", g[0])])


def negative(a: Tensor) -> Tensor:
    return closed(opened("Neg", (a,)), like("neg", a), lambda g: [like("neg", g[0])])


def multiply(a: Tensor, b: Tensor | Number) -> Tensor:
    if not isinstance(b, Tensor):
        node = opened("MulScalar", (a,))
        out = like("mul", a, dtype=with_number(a.dtype, b))
        return closed(node, out, lambda g: [like("mul", g[0])])
    to_a, to_b = a.node is not None, b.node is not None
    kept = ((b,) if to_a else ()) + ((a,) if to_b else ())
    node = opened("Mul", (a, b), kept)

    def back(given: list[Tensor]) -> Grads:
        (g,) = given
        return [like("mul", g) if to_a else None, like("mul", g) if to_b else None]

    return closed(node, together("mul", a, b), back)


def divide(a: Tensor, b: Tensor | Number) -> Tensor:
    if not isinstance(b, Tensor):
        dtype = a.dtype if a.dtype.rank == 2 else FLOAT32
        node = opened("DivScalar", (a,))
        return closed(node, like("div", a, dtype=dtype), lambda g: [like("div", g[0])])
    if a.dtype.rank < 2 and b.dtype.rank < 2:
        return constant("div", real=True)(a, b)
    to_a, to_b = a.node is not None, b.node is not None
    node = opened("Div", (a, b), (a, b) if to_b else (b,))

    def back(given: list[Tensor]) -> Grads:
        """grad / b, and -grad · ((a / b) / b), whose steps stay to the end of it."""
        (g,) = given
        second = _by_divisor(g) if to_b else None
        return [like("div", g) if to_a else None, second]

    return closed(node, together("div", a, b), back)


def _by_divisor(g: Tensor) -> Tensor:
    once = like("div", g)
    twice = like("div", once)
    return like("mul", like("neg", g), twice)


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
        for b in (*others, *options.values()):
            if isinstance(b, Tensor):
                tensors.append(b)
                dtype = promoted(dtype, b.dtype)
            else:
                dtype = with_number(dtype, b)
        if opened(op, tensors) is not None:
            raise Unpriced(op, "has no memory rule in backward")
        if real and dtype.rank < 2:
            dtype = FLOAT32
        return together(op, a, tensors[1], dtype) if tensors[1:] else like(op, a, dtype=dtype)

    return call


def compare(op: str) -> Op:
    """Booleans of a tensor and another, or a number."""

    def call(a: Tensor, b: Tensor | Number) -> Tensor:
        if isinstance(b, Tensor):
            return together(op, a, b, BOOL)
        return like(op, a, dtype=BOOL)

    return call


def activation(name: str, *, keeps_output: bool = False) -> Op:
    """An activation that keeps its input, or its result, for backward."""
    backwards = f"{name}_backward"

    def call(x: Tensor, *_: object, **__: object) -> Tensor:
        node = opened(name, (x,), () if keeps_output else (x,))
        out = like(name, x)
        return closed(node, out, lambda g: [like(backwards, g[0])], (out,) if keeps_output else ())

    return call


def absolute(x: Tensor) -> Tensor:
    def back(given: list[Tensor]) -> Grads:
        sign = like("sgn", given[0])
        return [like("mul", given[0], sign)]

    return closed(opened("Abs", (x,), (x,)), like("abs", x), back)


def to(x: Tensor, *args: Any, dtype: Dtype | None = None, device: object = None) -> Tensor:
    """A copy in another dtype, or x itself."""
    dtype = next((each for each in args if isinstance(each, Dtype)), dtype)
    if dtype is None or dtype is x.dtype:
        return x
    had = x.dtype
    node = opened("ToCopy", (x,)) if dtype.rank == 2 else None
    return closed(node, like("to", x, dtype=dtype), lambda g: [like("to", g[0], dtype=had)])


def masked_fill(x: Tensor, mask: Tensor, _value: object) -> Tensor:
    node = opened("MaskedFill", (x,), (mask,))
    shape = broadcast(x.shape, mask.shape)
    if shape == x.shape:
        out = like("masked_fill", x, mask)
    else:
        out = fresh("masked_fill", (x, mask), shape)
    return closed(node, out, lambda g: [like("masked_fill", g[0])])


def where(condition: Tensor, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    tensors = [x for x in (a, b) if isinstance(x, Tensor)]
    if tensors and opened("Where", tensors) is not None:
        raise Unpriced("torch.where", "has no memory rule in backward")
    shape, dtype = condition.shape, INT64
    for x in tensors:
        shape, dtype = broadcast(shape, x.shape), x.dtype
    return fresh("where", (condition, *tensors), shape, dtype)


def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """On a CPU a product with noise; on a GPU one kernel that keeps a mask of booleans."""
    if not training or p == 0:
        return x
    if x.machine.device == "cpu":
        return multiply(x, like("dropout_noise", x))
    node = opened("NativeDropout", (x,))
    out, mask = like("dropout", x), like("dropout_mask", x, dtype=BOOL)
    return closed(node, out, lambda g: [like("native_dropout_backward", g[0])], (mask,))


def cumulative(parts: Sequence[Tensor]) -> Dtype:
    """The dtype of tensors that are joined."""
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = promoted(dtype, part.dtype)
    return dtype
