"""Sums, products and quotients, element by element, and what their backward makes."""

from __future__ import annotations

from tfspec.shadow.autograd import Grads, closed, opened
from tfspec.shadow.dtypes import FLOAT32, Dtype, promoted, with_number
from tfspec.shadow.strides import alike, broadcast, iterated, packed, stretched
from tfspec.shadow.tensor import Tensor, fresh, like

Number = int | float


def together(op: str, a: Tensor, b: Tensor, dtype: Dtype | None = None) -> Tensor:
    """The result of two operands that stretch to one shape; one without axes has no say in it."""
    if dtype is None:
        first, last = (a, b) if a.shape or not b.shape else (b, a)
        dtype = promoted(first.dtype, last.dtype) if last.shape else first.dtype
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
        return closed(node, like(op, a, dtype=with_number(a.dtype, b), by=b), list[Tensor])
    node = opened(name, (a, b))
    to_a, to_b, minus = a.node is not None, b.node is not None, op == "sub"

    def back(given: list[Tensor]) -> Grads:
        (g,) = given
        return [g if to_a else None, (like("neg", g) if minus else g) if to_b else None]

    return closed(node, together(op, a, b), back)


def negated_by(a: Tensor, b: Number) -> Tensor:
    """b - a, for a number b."""
    out = like("rsub", a, dtype=with_number(a.dtype, b), by=b)
    return closed(opened("Rsub", (a,)), out, lambda g: [like("neg", g[0])])


def negative(a: Tensor) -> Tensor:
    return closed(opened("Neg", (a,)), like("neg", a), lambda g: [like("neg", g[0])])


def multiply(a: Tensor, b: Tensor | Number) -> Tensor:
    if not isinstance(b, Tensor):
        node = opened("MulScalar", (a,))
        out = like("mul", a, dtype=with_number(a.dtype, b), by=b)
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
        return closed(node, like("div", a, dtype=dtype, by=b), lambda g: [like("div", g[0])])
    if a.dtype.rank < 2 and b.dtype.rank < 2:
        return together("div", a, b, FLOAT32)
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
