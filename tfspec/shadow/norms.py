"""Reductions, softmax and norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfspec.shadow.arithmetic import divide, multiply
from tfspec.shadow.autocast import in_full
from tfspec.shadow.autograd import Grads, closed, opened
from tfspec.shadow.dtypes import BOOL, FLOAT32, INT64, Dtype
from tfspec.shadow.pointwise import at_least, to
from tfspec.shadow.strides import Ints
from tfspec.shadow.tensor import Tensor, alias, fresh, in_place, like
from tfspec.shadow.views import contiguous, expand


def _over(x: Tensor, dim: int | Sequence[int], keepdim: bool) -> Ints:
    axes = {each % len(x.shape) for each in ((dim,) if isinstance(dim, int) else dim)}
    kept = [1 if at in axes else size for at, size in enumerate(x.shape)]
    return tuple([size for at, size in enumerate(kept) if keepdim or at not in axes])


def mean(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    node, had = opened("Mean", (x,)), x.shape
    out = fresh("mean", (x,), _over(x, dim, keepdim))
    return closed(node, out, lambda g: [fresh("mean_backward", g, had)])


def total(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    axes = range(len(x.shape)) if dim is None else dim
    node, had = opened("Sum", (x,)), x.shape
    full = x.machine.autocast is not None and x.machine.device == "cuda"
    dtype = FLOAT32 if full and x.dtype.is_floating_point else x.dtype
    out = fresh("sum", (x,), _over(x, axes, keepdim), dtype)
    return closed(node, out, lambda g: [alias(g[0], had, (0,) * len(had))])


@in_full("cuda")
def softmax(x: Tensor, dim: int = -1, dtype: Dtype | None = None, *, safe: bool = False) -> Tensor:
    """`safe`: rows in which all is hidden become 0."""
    node, had = opened("Softmax", (x,)), x.shape
    out = fresh("softmax", (x,), had, dtype, by=safe)
    return closed(node, out, lambda g: [fresh("softmax_backward", g, had)], (out,))


@in_full("cuda")
def log_softmax(x: Tensor) -> Tensor:
    node, had = opened("LogSoftmax", (x,)), x.shape
    out = fresh("log_softmax", (x,), had)
    return closed(node, out, lambda g: [fresh("log_softmax_backward", g, had)], (out,))


def largest(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """amax: it keeps what it read and what it found, and looks again for where it was."""
    node, had, rows = opened("Amax", (x,), (x,)), x.shape, _over(x, dim, keepdim=True)
    out = fresh("amax", (x,), _over(x, dim, keepdim))

    def back(given: list[Tensor]) -> Grads:
        where = fresh("eq", given, had, BOOL)
        count = fresh("sum", (where,), rows, INT64)
        share = fresh("div", (given[0], count), rows)
        return [fresh("mul", (share, where), had)]

    return closed(node, out, back, (out,))


def where_largest(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """argmax: an index, through which no gradient goes."""
    return fresh("argmax", (x,), _over(x, dim, keepdim), INT64)


@in_full("cuda")
def length(x: Tensor, dim: int) -> Tensor:
    """The Euclidean norm over an axis, which stays."""
    node, had = opened("LinalgVectorNorm", (x,), (x,)), x.shape
    out = fresh("linalg_vector_norm", (x,), _over(x, dim, keepdim=True))
    rows = out.shape

    def back(given: list[Tensor]) -> Grads:
        """grad · (x / norm, 0 where that is 0)"""
        unit = fresh("div", given, had)
        zero = fresh("eq", given, rows, BOOL)
        return [fresh("mul", (given[0], unit, zero), had)]

    return closed(node, out, back, (out,))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Each row by its length, or by eps where it is shorter."""
    size = expand(at_least(length(input, dim)), input.shape)
    return divide(input, size)


@in_full("cuda")
def layer_norm(
    x: Tensor, shape: Ints, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:  # fmt: skip
    """It keeps its input and two statistics a row."""
    learned = [each for each in (weight, bias) if each is not None]
    inputs = (x, *learned)
    name = "LayerNorm" if x.node is not None else "LayerNormOfWeights"
    node = opened(name, inputs, inputs)
    rows = (*x.shape[: -len(shape)], *(1,) * len(shape))
    low = x.machine.device == "cpu" and x.dtype.size == 2
    stat = x.dtype if low and all(each.dtype is x.dtype for each in learned) else FLOAT32
    out = fresh("layer_norm", inputs, x.shape)
    average = fresh("layer_norm_mean", (x,), rows, stat)
    spread = fresh("layer_norm_rstd", (x,), rows, stat)
    had, needs = x.shape, x.node is not None
    sizes = [(w.shape, w.dtype) if w.node is not None else None for w in learned]

    def back(given: list[Tensor]) -> Grads:
        to_x = fresh("layer_norm_backward", given, had) if needs else None
        made = [size and fresh("layer_norm_to_weight", given, *size) for size in sizes]
        return [to_x, *made]

    return closed(node, out, back, (average, spread))


@in_full("cuda")
def rms_norm(
    x: Tensor, shape: Ints, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """One kernel on a GPU; on a CPU the steps that it stands for, in fp32 at least."""
    if (
        x.machine.device == "cuda"
        and x.machine.joint is None
        and (weight is None or x.dtype is weight.dtype)
    ):
        return _rms_fused(x, shape, weight)
    axes = tuple(range(-len(shape), 0))
    full = to(x, FLOAT32) if x.dtype.size == 2 else x
    scale = _inverse_root(full, axes)  # it stays until the function returns
    out = multiply(full, scale)
    if weight is not None:
        out = multiply(out, weight)
    out = contiguous(out)
    del full
    return to(out, x.dtype)


def _inverse_root(x: Tensor, axes: Ints) -> Tensor:
    """1 / sqrt(mean(x²) + eps), in one expression: its steps stay until the end of it."""
    squared = square(x)
    average = mean(squared, axes, keepdim=True)
    return _rsqrt(_add_in_place(average))


def _rms_fused(x: Tensor, shape: Ints, weight: Tensor | None) -> Tensor:
    inputs = (x,) if weight is None else (x, weight)
    node = opened("RMSNorm", inputs, inputs)
    out = like("rms_norm", x)
    rstd = fresh("rms_norm_rstd", (x,), (*x.shape[: -len(shape)], *(1,) * len(shape)), FLOAT32)
    needs, had, size = x.node is not None, x.shape, None if weight is None else weight.shape
    trained = weight is not None and weight.node is not None

    def back(given: list[Tensor]) -> Grads:
        grads: Grads = [fresh("rms_norm_backward", given, had) if needs else None]
        if size is not None:
            grads.append(fresh("rms_norm_to_weight", given, size) if trained else None)
        return grads

    return closed(node, out, back, (rstd,))


@in_full("cuda")
def square(x: Tensor) -> Tensor:
    def back(given: list[Tensor]) -> Grads:
        """grad · (2 · x): the power, its multiple, and the product."""
        power = like("pow", given[0])
        twice = like("mul", power)
        return [like("mul", given[0], twice)]

    return closed(opened("Pow", (x,), (x,)), like("pow", x), back)


def _add_in_place(x: Tensor) -> Tensor:
    """A number added to a result that nothing else reads."""
    return closed(opened("AddScalar", (x,)), in_place("add", x), list[Tensor])


def _rsqrt(x: Tensor) -> Tensor:
    def back(given: list[Tensor]) -> Grads:
        """-0.5 · grad · result³: three products, of which two wait for the third."""
        scaled = like("mul", given[0])
        cubed = like("pow", given[0])
        return [like("mul", scaled, cubed)]

    node = opened("Rsqrt", (x,))
    out = like("rsqrt", x)
    return closed(node, out, back, (out,))
