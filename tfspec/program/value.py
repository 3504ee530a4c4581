"""Values of a program: shape, strides and storage, and torch's own vocabulary on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from tfspec.program import expr as ex
from tfspec.program import saves as sv
from tfspec.program.kernels import GATHER, POINTWISE, PRODUCT, Kernel
from tfspec.symbolic import Dim, product

if TYPE_CHECKING:
    from tfspec.program.method import Method

Dtype = Literal["float", "int64", "int32", "bool", "state"]
Shape = tuple[Dim, ...]


@dataclass(eq=False)
class Storage:
    """One allocation. Views share it; autograd saves it once, whole."""

    elements: Dim
    dtype: Dtype
    holds: Literal["input", "weight", "buffer", "result"] = "result"


def in_order(shape: Sequence[Dim], order: Sequence[int] | None = None) -> Shape:
    """Strides of a fresh tensor, in elements; `order` lists its axes from slowest to fastest."""
    strides = [Dim.of(1)] * len(shape)
    step = Dim.of(1)
    for axis in reversed(range(len(shape)) if order is None else order):
        strides[axis] = step
        step = step * shape[axis]
    return tuple(strides)


def cut(strides: Shape, at: int, sizes: Sequence[Dim]) -> Shape:
    """Strides where one axis becomes several of these sizes."""
    inner = [step * strides[at] for step in in_order(sizes)]
    return (*strides[:at], *inner, *strides[at + 1 :])


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of a pointwise result: axes align at the end, an axis of 1 stretches."""
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    lead = len(long) - len(short)
    tail = [x if y.constant == 1 else y for x, y in zip(long[lead:], short, strict=True)]
    return (*long[:lead], *tail)


@dataclass(eq=False)
class Value:
    """What one expression computes. A method named as torch's records a step and returns its value.

    `hint` is the role that names it (q, scores, mask); without one it is the running x or h.
    `role` names the parameter by which other modules get it. `source`: the outer value that a
    parameter stands for. `absent`: a parameter that this mode does not pass. `optional`: may be
    None when the model runs. `defaults`: a parameter that callers may leave out. `learned`: a
    gradient flows to it, for it is made of weights. `transposed`: of what it is a transpose, and
    which axes changed places. `pieces`: what a value of parts in tensors of their own is made of;
    no step makes it as a whole.
    """

    method: Method
    shape: Shape
    dtype: Dtype
    storage: Storage
    strides: Shape
    hint: str | None = None
    absent: bool = False
    optional: bool = False
    defaults: bool = False
    source: Value | None = None
    role: str | None = None
    learned: bool = False
    transposed: tuple[Value, tuple[int, int]] | None = None
    pieces: tuple[Value, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.hint or 'x'} [{', '.join(map(str, self.shape))}]>"

    @property
    def ref(self) -> ex.Ref:
        return ex.Ref(self)

    def named(self, hint: str) -> Value:
        """The same value under a role, so that it is written as a line of its own."""
        self.hint = hint
        return self

    @property
    def flat(self) -> tuple[Value, ...]:
        """The values that code has for it: itself, or its pieces."""
        return self.pieces or (self,)

    # ---- new storage
    def fresh(
        self, expr: ex.Expr, shape: Sequence[Dim], saves: sv.Saves, dtype: Dtype | None = None,
        kernel: Kernel = POINTWISE,
    ) -> Value:  # fmt: skip
        """A result in memory of its own, contiguous."""
        return self.method.emit(expr, shape, dtype or self.dtype, saves, kernel=kernel)

    def pointwise(
        self, expr: ex.Expr, saves: sv.Saves, *others: Value, kernel: Kernel = POINTWISE
    ) -> Value:
        """A result of one value an element, laid out in memory as the first full operand is."""
        shape = self.shape
        for other in others:
            shape = broadcast(shape, other.shape)
        low = self.method.low
        full = next((v for v in (self, *others) if low.alike(v.shape, shape)), None)
        strides = in_order(shape, low.memory_order(full) if full else None)
        return self.method.emit(expr, shape, self.dtype, saves, strides=strides, kernel=kernel)

    def __add__(self, other: Value) -> Value:
        return self.pointwise(ex.Binary("+", self.ref, other.ref), sv.LINEAR, other)

    def __mul__(self, other: Value) -> Value:
        expr = ex.Binary("*", self.ref, other.ref)
        return self.pointwise(expr, sv.product_of(self, other), other)

    def __and__(self, other: Value) -> Value:
        return self.pointwise(ex.Binary("&", self.ref, other.ref), sv.NO_GRADIENT, other)

    def __or__(self, other: Value) -> Value:
        return self.pointwise(ex.Binary("|", self.ref, other.ref), sv.NO_GRADIENT, other)

    def __sub__(self, other: Value) -> Value:
        return self.pointwise(ex.Binary("-", self.ref, other.ref), sv.LINEAR, other)

    def copy(self) -> Value:
        """The same numbers in memory of their own, the axes in the same order."""
        return self.pointwise(self._call("clone"), sv.LINEAR)

    def absolute(self) -> Value:
        return self.pointwise(self._call("abs"), sv.saves(sv.Keep(self)))

    def compare(self, sign: str, other: Value | ex.Expr) -> Value:
        """Where self SIGN other holds, as booleans."""
        right = other.ref if isinstance(other, Value) else other
        shape = broadcast(self.shape, other.shape) if isinstance(other, Value) else self.shape
        return self.fresh(ex.Binary(sign, self.ref, right), shape, sv.NO_GRADIENT, "bool")

    def __invert__(self) -> Value:
        return self.pointwise(ex.Unary("~", self.ref), sv.NO_GRADIENT)

    def __matmul__(self, other: Value) -> Value:
        """[..., n, m] @ [..., m, p] -> [..., n, p]"""
        shape = (*self.shape[:-1], other.shape[-1])
        saves = sv.saves(sv.Keep(self.batched(), (other,)), sv.Keep(other.batched(), (self,)))
        return self.fresh(ex.Binary("@", self.ref, other.ref), shape, saves, kernel=PRODUCT)

    def times(self, factor: ex.Expr) -> Value:
        """Each element times a number. A product of two values is `*`: it keeps them."""
        refs = (leaf.to for leaf in factor.leaves() if isinstance(leaf, ex.Ref))
        assert all(value.dtype == "state" for value in refs), "a number, not a tensor"
        return self.pointwise(ex.Binary("*", self.ref, factor), sv.LINEAR)

    def softmax(self) -> Value:
        """Over the last axis."""
        return self.fresh(self._call("softmax", dim=-1), self.shape, sv.saves(sv.Result()))

    def masked_fill(self, mask: Value, number: ex.Expr) -> Value:
        """`number` where the mask is true; the shapes broadcast."""
        expr = ex.Call(ex.Attribute(self.ref, "masked_fill"), (mask.ref, number))
        return self.fresh(expr, broadcast(self.shape, mask.shape), sv.saves(sv.Keep(mask)))

    def reduce(self, function: str, *axes: int) -> Value:
        """mean, sum or amax over some axes, which go."""
        shape = [size for at, size in enumerate(self.shape) if at not in axes]
        call = self._call(function, dim=axes[0] if len(axes) == 1 else axes)
        if function != "amax":
            return self.fresh(call, shape, sv.LINEAR)
        kept = sv.saves(sv.Keep(self), sv.Result())  # where it is, by comparing again
        return self.fresh(call, shape, kept, kernel=_largest(product(self.shape), product(shape)))

    def gather(self, index: Value) -> Value:
        """Elements of the last axis by position: [..., n], [..., k] -> [..., k]."""
        kept = sv.saves(sv.Keep(self), sv.Keep(index))
        return self.fresh(self._call("gather", -1, index.ref), index.shape, kept)

    def top(self, count: ex.Expr, size: Dim) -> Value:
        """Where the largest of the last axis are, the largest first: [..., n] -> [..., size]."""
        call = self._call("topk", count, dim=-1)
        shape = (*self.shape[:-1], size)
        return self.fresh(ex.Attribute(call, "indices"), shape, sv.NO_GRADIENT, "int64")

    # ---- views
    def view(self, expr: ex.Expr, shape: Sequence[Dim], strides: Sequence[Dim]) -> Value:
        """A result that shares this value's storage."""
        return self.method.emit(
            expr, shape, self.dtype, sv.VIEW, strides=tuple(strides), storage=self.storage
        )

    def transpose(self, a: int, b: int) -> Value:
        order = list(range(len(self.shape)))
        order[a], order[b] = order[b], order[a]
        shape, strides = [self.shape[i] for i in order], [self.strides[i] for i in order]
        value = self.view(self._call("transpose", a, b), shape, strides)
        value.transposed = self, (a, b)
        return value

    def permute(self, order: Sequence[int]) -> Value:
        if list(order) == list(range(len(order))):
            return self
        shape, strides = [self.shape[i] for i in order], [self.strides[i] for i in order]
        return self.view(self._call("permute", *order), shape, strides)

    def flatten(self, start: int, end: int = -1) -> Value:
        """Axes start to end as one: a view where their strides merge, else a copy."""
        last = end % len(self.shape)
        args = (start,) if last == len(self.shape) - 1 else (start, last)
        like = self.merged(start, last)
        if like.storage is not self.storage:
            return self.fresh(self._call("flatten", *args), like.shape, sv.LINEAR)
        return self.view(self._call("flatten", *args), like.shape, like.strides)

    def unflatten(self, axis: int, sizes: Sequence[tuple[ex.Expr, Dim]]) -> Value:
        """One axis as several, each given as its source text (often -1) and its size."""
        at = axis % len(self.shape)
        dims = [dim for _, dim in sizes]
        expr = self._call("unflatten", axis, ex.Tuple(tuple(text for text, _ in sizes)))
        shape = (*self.shape[:at], *dims, *self.shape[at + 1 :])
        return self.view(expr, shape, cut(self.strides, at, dims))

    def expand(self, sizes: Sequence[tuple[ex.Expr, Dim]]) -> Value:
        """Repeated without a copy: each size is its text and its dim; new axes come first."""
        dims = [dim for _, dim in sizes]
        lead = len(dims) - len(self.shape)
        zero = Dim.of(0)
        strides = [zero] * lead
        for size, dim, stride in zip(self.shape, dims[lead:], self.strides, strict=True):
            strides.append(stride if size == dim else zero)
        return self.view(self._call("expand", *(text for text, _ in sizes)), dims, strides)

    def split(self, sizes: Sequence[tuple[ex.Expr, Dim]], axis: int, hints: Sequence[str]):
        """Parts along an axis, named: views. Equal parts are written as a chunk."""
        at = axis % len(self.shape)
        dims = [dim for _, dim in sizes]
        if all(dim == dims[0] for dim in dims):
            expr = self._call("chunk", len(dims), dim=axis)
        else:
            expr = self._call("split", ex.Tuple(tuple(text for text, _ in sizes)), dim=axis)
        shapes = [(*self.shape[:at], dim, *self.shape[at + 1 :]) for dim in dims]
        return self.method.emit_many(expr, self, shapes, hints)

    def new_axes(self, pattern: str, unless: ex.Expr | None = None) -> Value:
        """Unit axes among the kept: "b11k" is [:, None, None, :]; None if `unless` holds.

        Axes behind the pattern are kept.
        """
        items: list[ex.Expr] = []
        shape: list[Dim] = []
        strides: list[Dim] = []
        kept = iter(zip(self.shape, self.strides, strict=True))
        for letter in pattern:
            size, stride = (Dim.of(1), Dim.of(1)) if letter == "1" else next(kept)
            items.append(ex.NONE if letter == "1" else ex.COLON)
            shape.append(size)
            strides.append(stride)
        for size, stride in kept:
            shape.append(size)
            strides.append(stride)
        index: ex.Expr = ex.Index(self.ref, tuple(items))
        expr = index if unless is None else ex.Choice(ex.NONE, unless, index)
        return self.view(expr, shape, strides)

    def lead(self, count: int) -> Value:
        """Unit axes in front."""
        if not count:
            return self
        one = Dim.of(1)
        expr = ex.Index(self.ref, (ex.NONE,) * count)
        return self.view(expr, (*(one,) * count, *self.shape), (*(one,) * count, *self.strides))

    def narrow(self, axis: int, text: ex.Slice, size: Dim, *, unit: bool = False) -> Value:
        """A stretch of one axis, by its slice text; unit: with a unit axis behind it."""
        none, one = ((ex.NONE,), (Dim.of(1),)) if unit else ((), ())
        expr = ex.Index(self.ref, (*([ex.COLON] * axis), text, *none))
        end = axis + 1
        shape = (*self.shape[:axis], size, *one, *self.shape[end:])
        return self.view(expr, shape, (*self.strides[:end], *one, *self.strides[end:]))

    def select(self, axis: int, index: ex.Expr) -> Value:
        """One index of an axis: the axis goes."""
        expr = ex.Index(self.ref, (*([ex.COLON] * axis), index))
        return self.view(
            expr,
            (*self.shape[:axis], *self.shape[axis + 1 :]),
            (*self.strides[:axis], *self.strides[axis + 1 :]),
        )

    def at(self, axis: int, index: Value) -> Value:
        """Some of one axis, by position: [..., n, ...][:, i] -> [..., *i, ...]."""
        expr = ex.Index(self.ref, (*([ex.COLON] * axis), index.ref))
        shape = (*self.shape[:axis], *index.shape, *self.shape[axis + 1 :])
        return self.fresh(expr, shape, sv.saves(sv.Keep(index)), self.dtype, kernel=GATHER)

    def gather_rows(self, index: Value) -> Value:
        """Rows of a table by position: [V, d][i] -> [..., d]."""
        expr = ex.Index(self.ref, (index.ref,))
        saves = sv.saves(sv.Keep(index))
        return self.fresh(expr, (*index.shape, *self.shape[1:]), saves, kernel=GATHER)

    # ---- what a kernel takes of it
    def merged(self, start: int, last: int) -> Value:
        """It with axes start to last as one: no step of its own, it says how a step reads it."""
        if start >= last:
            return self
        size = product(self.shape[start : last + 1])
        shape = (*self.shape[:start], size, *self.shape[last + 1 :])
        storage, strides = Storage(product(shape), self.dtype), in_order(shape)
        if self._merges(start, last):
            axes = list(zip(self.shape, self.strides, strict=True))[start : last + 1]
            storage = self.storage
            strides = (*self.strides[:start], self.innermost(axes), *self.strides[last + 1 :])
        return replace(self, shape=shape, storage=storage, strides=strides)

    def batched(self) -> Value:
        """As products of matrices take it, with one axis before them."""
        return self.merged(0, len(self.shape) - 3)

    # ----
    def _call(self, name: str, *args: int | ex.Expr, **keywords: int | tuple[int, ...]) -> ex.Expr:
        plain = tuple(a if isinstance(a, ex.Expr) else ex.Name(str(a)) for a in args)
        named = tuple((key, ex.Name(str(value))) for key, value in keywords.items())
        return ex.Call(ex.Attribute(self.ref, name), plain, named)

    def innermost(self, axes: Sequence[tuple[Dim, Dim]]) -> Dim:
        """The stride of axes as one: that of the last which is longer than 1."""
        wide = [step for size, step in axes if not self.method.low.is_one(size)]
        return wide[-1] if wide else axes[-1][1]

    def _merges(self, start: int, last: int) -> bool:
        return self.mergeable(list(zip(self.shape, self.strides, strict=True))[start : last + 1])

    def mergeable(self, axes: Sequence[tuple[Dim, Dim]]) -> bool:
        """Whether axes, each a size and a stride, are one axis without a copy."""
        low = self.method.low
        wide = [axis for axis in axes if not low.is_one(axis[0])]
        return all(low.same(step, size * inner) for (_, step), (size, inner) in pairwise(wide))


def side_by_side(pieces: Sequence[Value], shape: Shape) -> Value:
    """Parts in tensors of their own as one value of the graph; `shape` is without features."""
    first = pieces[0]
    storage = Storage(sum((piece.storage.elements for piece in pieces), Dim.of(0)), first.dtype)
    whole = replace(first, shape=shape, storage=storage, strides=in_order(shape))
    return replace(whole, source=None, transposed=None, pieces=tuple(pieces))


def flat(values: Iterable[Value]) -> tuple[Value, ...]:
    """The values that code has for these."""
    return tuple(each for value in values for each in value.flat)


def _largest(given: Dim, made: Dim) -> Kernel:
    """The largest of each row. In backward flags are made of what is equal to it, read to count
    them, in int64, and read again; gradients are divided by the counts before."""
    return Kernel("pointwise", back=2 * made, back_flags=3 * given + 16 * made)
