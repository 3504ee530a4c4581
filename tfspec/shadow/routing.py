"""Experts: choices, and the sizes that depend on them, as if all experts had equal shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfspec.shadow.autograd import Grads, close, closed, opened
from tfspec.shadow.dtypes import BOOL, INT64, Dtype
from tfspec.shadow.machine import Record, Shares, Unpriced
from tfspec.shadow.pointwise import compare
from tfspec.shadow.tensor import Tensor, alias, fresh, like


class Choice(Tensor):
    """Ids of experts, out of so many: `among`."""

    __slots__ = ("among",)


class Flags(Tensor):
    """Booleans, of which so many are true: `count`."""

    __slots__ = ("count",)


@dataclass(frozen=True)
class Found:
    """What `topk` and `sort` give."""

    values: Tensor
    indices: Tensor


def topk(x: Tensor, k: int, dim: int = -1) -> Found:
    """The k largest of the last axis, and their places, which are kept."""
    shape = (*x.shape[:-1], k)
    node = opened("Topk", (x,))
    values = fresh("topk", (x,), shape)
    made = fresh("topk", (x,), shape, INT64)
    indices = Choice(made.storage, shape, made.strides, INT64)
    indices.step, indices.among = made.step, x.shape[-1]
    if node is not None:
        close(node, (values,), _unknown, (indices,))
    return Found(values, indices)


def _unknown(_: object) -> Grads:
    raise Unpriced("topk", "has no memory rule in backward")


def argsort(x: Tensor, dim: int = -1, stable: bool = False) -> Tensor:
    """The order of integers, beside which they are made in that order."""
    values = like("sort", x)
    order = like("sort", x, dtype=INT64)
    del values
    return order


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    node, had = opened("Gather", (x,), (x, index)), x.shape
    out = fresh("gather", (x, index), index.shape)

    def back(given: list[Tensor]) -> Grads:
        """Zeros, to which gradients are added: in place, but under a dispatch mode."""
        zeros = fresh("new_zeros", given, had)
        return [fresh("scatter_add", (zeros, *given), had) if zeros.machine.dispatch else zeros]

    return closed(node, out, back)


def scatter(x: Tensor, dim: int, index: Tensor, value: object) -> Tensor:
    """A copy with a number at some places, of flags that learn nothing."""
    if opened("Scatter", (x,)) is not None:
        raise Unpriced("scatter", "has no memory rule in backward")
    return fresh("scatter", (x, index), x.shape)


def detach(x: Tensor) -> Tensor:
    """The same numbers, cut off from their graph."""
    out = alias(x, x.shape, x.strides)
    if x.machine.joint is not None:
        out.step = x.machine.joint.of(x)
    return out


# ---- how many rows an expert gets
def one_hot(ids: Tensor, num_classes: int) -> Tensor:
    """Counts' summands: [...] -> [..., E]. On a CPU the least and the largest id are looked at."""
    if ids.machine.device == "cpu":
        bounds = [fresh("aminmax", (ids,), ()) for _ in range(2)]
        del bounds
    return fresh("one_hot", (ids,), (*ids.shape, num_classes), INT64)


def cumsum(x: Tensor, _dim: int, dtype: Dtype | None = None) -> Tensor:
    """Of flags and whole numbers, in int64 if nothing else is said: what has no gradient."""
    if opened("Cumsum", (x,)) is not None:
        raise Unpriced("Tensor.cumsum", "has no memory rule in backward")
    return like("cumsum", x, dtype=dtype or INT64)


def diff(x: Tensor, prepend: Tensor) -> Tensor:
    """Differences of neighbours: what was prepended is joined first, and stays until the end."""
    joined = fresh("cat", (x, prepend), (x.shape[0] + prepend.shape[0],))
    return fresh("sub", (joined,), (joined.shape[0] - 1,))


def tolist(x: Tensor) -> Shares:
    """How many rows each expert gets, from what was counted: one choice a row."""
    record: Record | None = x.storage.record
    while record is not None and record.op != "one_hot":
        record = record.parents[0] if record.parents else None
    if record is None or len(x.shape) != 1:
        raise Unpriced("Tensor.tolist")
    if x.machine.joint is not None:
        x.machine.joint.made("tolist", x, (x,), None)
    return x.machine.rows(record.elements // x.shape[0], x.shape[0])


def equal(a: Tensor, b: Any) -> Tensor:
    """Booleans; of a choice and one expert it is known how many are true."""
    made = compare("eq")(a, b)
    if not isinstance(a, Choice) or not isinstance(b, int):
        return made
    flags = Flags(made.storage, made.shape, made.strides, BOOL)
    flags.step = made.step
    flags.count = a.machine.rows(a.storage.record.elements, a.among)[b]
    return flags


def count(flags: Tensor) -> int:
    """How many are true."""
    if not isinstance(flags, Flags):
        raise Unpriced("an index of booleans")
    return flags.count
