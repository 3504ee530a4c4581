"""Experts, as inductor takes them apart: choices, rows that data decide, and assertions.

An assertion makes nothing that is read, but it stands in the order of ops, by which the partitioner
measures how far apart uses are.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.shadow.dtypes import BOOL, INT64
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.strides import numel
from tfspec.shadow.tensor import Tensor
from tfspec.shadow.traced import cast_to, read_far

FEW = 5
"""`_maybe_guard_rel`: of so many numbers, each is seen to be no more than their known sum."""


def topk(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """The largest of rows, and where they are: two results of one kernel."""
    size = numel(out.shape)
    whole = joint.step(op, (joint.of(of[0]),), 2 * size, of[0].dtype, "apart", by=size)
    whole.whole = True
    return joint.item(whole, size, out.dtype, int(out.dtype is INT64), own=True)


def gather(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    parents = [joint.of(x) for x in of]
    return joint.step(op, parents, numel(out.shape), out.dtype, by=out.shape)


def gather_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """A kernel adds gradients to where the numbers were: it reads the places alone."""
    read_far(joint, kept[1:], outs)


def index(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Rows at places, or where flags are true: how many these are is asked, and asserted."""
    parents = [joint.of(x) for x in of]
    found = joint.step(op, parents, numel(out.shape), out.dtype, "fused", out.shape, sized=1)
    joint.tables[found] = of[0].shape
    if of[1].dtype is BOOL:
        _asked(joint, found, "sym_size", ("ge", "le"))
    return found


def index_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """A kernel adds gradients to zeros, which forward may have had too."""
    shape = joint.tables[outs[0]]
    zeros = joint.step("new_zeros", (), numel(shape), outs[0].dtype, by=(None, shape))
    read_far(joint, [*kept, zeros], outs)


def one_hot(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Comparisons of ids with all classes, once it is asserted that they are some of these."""
    ids = joint.of(of[0])
    for bound in ("ge", "lt"):
        inside = joint.step(bound, (ids,), ids.elements, BOOL)
        outside = joint.step("logical_not", (inside,), ids.elements, BOOL)
        none = joint.step("any", (outside,), 1, BOOL)
        joint.asserts(joint.step("logical_not", (none,), 1, BOOL))
    column = joint.step("Unsqueeze", (ids,), ids.elements, ids.dtype, "view")
    classes = joint.step("iota", (), out.shape[-1], INT64)
    same = joint.step("eq", (column, classes), numel(out.shape), BOOL)
    return cast_to(joint, same, INT64)


def tolist(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Numbers one by one. That they sum to the rows which are split by them is asserted."""
    whole, count = joint.of(of[0]), out.shape[0]
    bounds = ("ge", "le") if count <= FEW else ("ge",)
    each = [joint.step("Select", (whole,), 1, INT64, "view", by=at) for at in range(count)]
    numbers = [_asked(joint, one, "item", bounds) for one in each]
    total = joint.step("sym_sum", numbers, 1, INT64)
    joint.asserts(joint.step("eq", (total,), 1, BOOL))
    return whole


def _asked(joint: Joint, x: Step, op: str, bounds: Sequence[str]) -> Step:
    """A number that the program goes by; between which bounds is asserted."""
    number = joint.step(op, (x,), 1, INT64, "apart")
    for bound in bounds:
        joint.asserts(joint.step(bound, (number,), 1, BOOL))
    return number
