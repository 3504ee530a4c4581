"""Tensors of the stand-in: a storage, a shape, strides, a dtype, and their place in autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfspec.shadow.dtypes import Dtype
from tfspec.shadow.machine import Machine, Record, Storage, Unpriced
from tfspec.shadow.strides import Ints, alike, dense, in_order, numel

if TYPE_CHECKING:
    from tfspec.shadow.autograd import Leaf, Node
    from tfspec.shadow.joint import Step

SPECIAL = ("__torch_function__", "__array__", "__len__", "__float__", "__index__")


class Tensor:
    """`node` is the autograd node that made it, with the output's number `slot`; a parameter's is
    its leaf. Methods and operators are put on by `namespace`: an unknown one is refused by name.
    """

    __slots__ = (
        "dtype", "is_view", "machine", "node", "shape", "slot", "step", "storage", "strides",
    )  # fmt: skip

    def __init__(
        self, storage: Storage, shape: Ints, strides: Ints, dtype: Dtype, *, view: bool = False
    ) -> None:
        self.machine: Machine = storage.machine
        self.storage = storage
        self.shape = shape
        self.strides = strides
        self.dtype = dtype
        self.is_view = view
        self.node: Node | Leaf | None = None
        self.slot = 0
        self.step: Step | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unpriced(f"Tensor.{name}")

    def __repr__(self) -> str:
        return f"<{self.storage.record.op} {list(self.shape)} {self.dtype.name}>"

    @property
    def contiguous_now(self) -> bool:
        return in_order(self.shape, self.strides)


class Parameter(Tensor):
    """A weight: a leaf of autograd where it needs a gradient."""

    __slots__ = ()

    def requires_grad_(self, needs: bool = True) -> Parameter:
        from tfspec.shadow.autograd import Leaf

        self.node = Leaf(self.shape, self.strides) if needs else None
        return self


class Layout:
    """A tensor's shape, strides and dtype without a hold on its storage, for its gradient."""

    __slots__ = ("dtype", "shape", "strides")

    def __init__(self, of: Tensor) -> None:
        self.shape, self.strides, self.dtype = of.shape, of.strides, of.dtype


def fresh(
    op: str,
    of: Sequence[Tensor],
    shape: Ints,
    dtype: Dtype | None = None,
    strides: Ints | None = None,
    by: object = None,
) -> Tensor:
    """A tensor in memory of its own, made from others; in order unless strides are given.

    `by` is what else decides its numbers: a number, a direction.
    """
    first = of[0]
    return _made(first.machine, op, of, shape, dtype or first.dtype, strides, by)


def place(
    machine: Machine,
    op: str,
    shape: Ints,
    dtype: Dtype,
    strides: Ints | None = None,
    by: object = None,
) -> Tensor:
    """A tensor that is made of nothing."""
    return _made(machine, op, (), shape, dtype, strides, by)


def _made(
    machine: Machine, op: str, of: Sequence[Tensor], shape: Ints, dtype: Dtype,
    strides: Ints | None, by: object,
) -> Tensor:  # fmt: skip
    parents = tuple([each.storage.record for each in of])
    record = Record(op, numel(shape), dtype, machine.building, parents)
    out = Tensor(Storage(machine, record), shape, strides or dense(shape), dtype)
    if machine.joint is not None and not machine.building:
        machine.joint.made(op, out, of, by)
    return out


def like(
    op: str, x: Tensor, *others: Tensor, dtype: Dtype | None = None, by: object = None
) -> Tensor:
    """A new tensor of x's shape, laid out as x is where x is packed (`preserve_format`)."""
    return fresh(op, (x, *others), x.shape, dtype or x.dtype, alike(x.shape, x.strides), by)


def alias(x: Tensor, shape: Ints, strides: Ints) -> Tensor:
    """A view: another shape and other strides of x's storage."""
    return Tensor(x.storage, shape, strides, x.dtype, view=True)


def in_place(op: str, x: Tensor, *others: Tensor) -> Tensor:
    """x with other numbers. (A compiled step has no ops in place: it makes a tensor anew.)"""
    out = Tensor(x.storage, x.shape, x.strides, x.dtype)
    if x.machine.joint is not None:
        x.machine.joint.made(op, out, (x, *others), None)
    return out
