"""The joint graph of a step, as torch.compile traces it: forward op by op, and what backward reads.

Ops are those that inductor's decompositions leave (`decomposed`). Of backward there are only the
values that no gradient goes into; what reads them is a note at each that it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from tfspec.shadow.dtypes import Dtype
from tfspec.shadow.machine import Record
from tfspec.shadow.strides import Ints, numel
from tfspec.shadow.tensor import Tensor

Kind = Literal["known", "view", "fused", "joins", "apart"]
Laid = tuple[Ints, Ints]
"""A shape and strides."""
GIVEN = ("input", "labels")
UNTOLD = 4096
"""`_size_of`: what is taken for a size that data decide."""
TOLD = 50
"""`SYMPY_FACTOR_MAX_FREE_SYMBOLS`: of so many such sizes it is seen that their sum is known."""
COPIES = frozenset({"Unfold", "SplitWithSizes"})
"""Views to eager torch that the partitioner has on no list of views."""


class Step:
    """One value. `kind` says what a compiler may do with the op that makes it:

    known: it is there anyway; view: it costs nothing; fused: it may run in one kernel with what is
    beside it, and again in backward; joins: others are fused into it, and it into none; apart: it
    is a kernel of its own, and runs once. A `whole` is several tensors, of which each is a step.
    `sized` are those of its parents that the op takes one by one, not in a list. `base` has the
    storage. It is `taken` for so many times its size, where data decide that. `far` readers in
    backward are kernels of their own, `near` ones are fused. `seen` has the shapes and strides that
    a view goes from and to.
    """

    __slots__ = (
        "base", "dtype", "elements", "far", "free", "kind", "near", "op", "order", "parents",
        "seen", "sized", "taken", "users", "whole",
    )  # fmt: skip

    def __init__(self, op: str, elements: int, dtype: Dtype, kind: Kind) -> None:
        self.op = op
        self.elements = elements
        self.dtype = dtype
        self.kind: Kind = kind
        self.parents: tuple[Step, ...] = ()
        self.sized: tuple[Step, ...] = ()
        self.users: list[Step] = []
        self.base = self
        self.order = 0
        self.taken: int | Fraction = 1
        self.seen: tuple[Laid, Laid] | None = None
        self.whole = self.near = self.far = self.free = False

    def __repr__(self) -> str:
        return f"<{self.op}: {self.elements} of {self.dtype.name}>"

    @property
    def bytes(self) -> int:
        return self.elements * self.dtype.size

    @property
    def guessed(self) -> int | Fraction:
        """Its bytes, as the partitioner takes them."""
        return self.bytes * self.taken

    @property
    def needed(self) -> bool:
        return self.near or self.far


class Joint:
    """The steps in order. Equal ops on equal values are one step, as `fx_graph_cse` has it.

    `within` has what an op is made of, where its backward asks for it again; `tables` the shapes
    that rows are taken of; `chains` what may become a pattern (`patterns`).
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.within: dict[Step, tuple[Step, ...]] = {}
        self.tables: dict[Step, Ints] = {}
        self.chains: dict[Step | None, tuple[str, tuple[Tensor, Tensor]]] = {}
        self._asserted: list[Step] = []
        self._nodes: list[tuple[str, list[Step], list[Step]]] = []
        self._same: dict[tuple[object, ...], Step] = {}

    def step(
        self,
        op: str,
        of: Sequence[Step],
        elements: int,
        dtype: Dtype,
        kind: Kind = "fused",
        by: object = None,
        sized: int | None = None,
    ) -> Step:
        """A value, new or found again. `sized`: how many of its parents are taken one by one."""
        key = (op, elements, dtype, by, *[id(each) for each in of])
        found = self._same.get(key)
        if found is None:
            found = self._same[key] = Step(op, elements, dtype, kind)
            found.parents = tuple(of)
            found.sized = found.parents if sized is None else found.parents[:sized]
            for parent in dict.fromkeys(of):
                parent.users.append(found)
            found.taken = _taken(op, of)
            found.order = len(self.steps)
            self.steps.append(found)
        return found

    def once(self, op: str, elements: int, dtype: Dtype) -> Step:
        """A value that is never the same twice: it is random."""
        return self.step(op, (), elements, dtype, "apart", by=len(self.steps))

    def asserts(self, of: Step) -> None:
        """An op that fails where something does not hold: it runs, though nothing reads it."""
        self._asserted.append(self.step("assert", (of,), 1, of.dtype, "apart", by=len(self.steps)))

    def of(self, x: Tensor) -> Step:
        """A tensor's step; one that has none is a weight, a buffer, an input or labels."""
        if x.step is None:
            x.step = self._known(x.storage.record)
            if x.is_view:
                x.step = self.viewed("View", x, x, id(x.storage))
        return x.step

    def _known(self, record: Record) -> Step:
        op = record.op
        found = self.step(op, (), record.elements, record.dtype, "known", by=id(record))
        found.free = op not in GIVEN
        return found

    # ---- what the stand-in for torch tells of
    def made(self, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> None:
        from tfspec.shadow.decomposed import FORWARD
        from tfspec.shadow.patterns import follow
        from tfspec.shadow.traced import plain

        out.step = FORWARD.get(op, plain)(self, op, out, of, by)
        follow(self, op, out, of, by)

    def viewed(self, name: str, x: Tensor, out: Tensor, at: int) -> Step:
        parent = self.of(x) if x is not out else self._known(x.storage.record)
        same = out.shape == x.shape and out.strides == x.strides and at == 0
        if same and name != "Expand" and x is not out:
            out.step = parent
            return parent
        kind: Kind = "apart" if name in COPIES else "view"
        laid = (out.shape, out.strides, at)
        out.step = self.step(name, (parent,), numel(out.shape), out.dtype, kind, laid)
        out.step.base = parent.base
        out.step.seen = (x.shape, x.strides), (out.shape, out.strides)
        return out.step

    def parted(self, name: str, x: Tensor, views: Sequence[Tensor], *, open: bool = False) -> None:
        """Views side by side. `open`: data decide how long each is."""
        parent = self.of(x)
        if name == "Unbind":  # it becomes one selection after another
            for at, view in enumerate(views):
                self.viewed("Select", x, view, at)
            return
        kind: Kind = "apart" if name in COPIES else "view"
        shapes = tuple([view.shape for view in views])
        whole = self.step(name, (parent,), parent.elements, x.dtype, kind, shapes)
        whole.whole, whole.base = True, parent.base
        for at, view in enumerate(views):
            view.step = self.item(whole, numel(view.shape), view.dtype, at)
            view.step.taken = Fraction(UNTOLD * len(views), x.shape[0]) if open else whole.taken

    def item(self, whole: Step, elements: int, dtype: Dtype, at: int, *, own: bool = False) -> Step:
        """One tensor of several; `own` ones have storages of their own."""
        found = self.step(f"{whole.op}[{at}]", (whole,), elements, dtype, by=at, sized=0)
        found.base = found if own else whole.base
        return found

    def reads(self, name: str, kept: Sequence[Tensor], outs: Sequence[Tensor]) -> None:
        """Backward of an autograd node will read what it keeps."""
        self._nodes.append((name, [self.of(x) for x in kept], [self.of(x) for x in outs]))

    def forward(self, loss: Tensor) -> list[Step]:
        """The steps that the loss is made of, and assertions, in order. What backward of those
        reads is noted."""
        from tfspec.shadow.decomposed import BACKWARD
        from tfspec.shadow.pointless import without_pairs
        from tfspec.shadow.traced import read_near

        found: set[Step] = set()
        todo = [self.of(loss), *self._asserted]
        while todo:
            step = todo.pop()
            if step not in found:
                found.add(step)
                todo += step.parents
        for name, kept, outs in self._nodes:
            if not found.isdisjoint(outs):
                BACKWARD.get(name, read_near)(self, kept, outs)
        without_pairs(self.steps, found)
        return sorted(found, key=lambda step: (step.kind != "known", step.order))


def _taken(op: str, of: Sequence[Step]) -> int | Fraction:
    """What is of open sizes gives open sizes; what is joined of few of them has a known one, and so
    have rows that are looked up."""
    if op == "index" or (op == "cat" and len(of) <= TOLD):
        return 1
    return max([each.taken for each in of], default=1)
