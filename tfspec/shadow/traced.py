"""The words in which ops are taken apart: casts, chains, and what backward reads of a value."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.shadow.dtypes import FLOAT32, Dtype
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.strides import numel
from tfspec.shadow.tensor import Tensor


def plain(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """One op that fuses with what is beside it."""
    parents = [joint.of(x) for x in of]
    return joint.step(op, parents, numel(out.shape), out.dtype, by=(by, out.shape))


def by_itself(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """A kernel of its own."""
    parents = [joint.of(x) for x in of]
    return joint.step(op, parents, numel(out.shape), out.dtype, "apart", (by, out.shape))


def cast_to(joint: Joint, x: Step, dtype: Dtype) -> Step:
    return x if x.dtype is dtype else joint.step("to", (x,), x.elements, dtype)


def in_full(joint: Joint, x: Step) -> Step:
    """In fp32 at least."""
    return cast_to(joint, x, FLOAT32) if x.dtype.size == 2 else x


def chain(joint: Joint, ops: Sequence[str], x: Step, like: Step) -> Step:
    """One op after another."""
    for at, op in enumerate(ops):
        x = joint.step(op, (x,), like.elements, like.dtype, by=("chain", at))
    return x


def is_near(step: Step) -> None:
    step.near = True


def read_near(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """It is read element by element."""
    for step in kept:
        step.near = True


def read_far(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """A kernel reads it."""
    for step in kept:
        step.far = True
