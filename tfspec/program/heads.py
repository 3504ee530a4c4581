"""Heads [..., h, N, k] in memory: tokens stay outside as long as readers let them, and what one
part alone would keep is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node
from tfspec.program.method import Assign
from tfspec.program.saves import VIEW
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering


def stay_inside(low: Lowering, tensor: Tensor) -> bool:
    """Whether all that reads heads, by way of steps on each head alone, takes them as they lie.

    The result of a kernel lies as its queries do: with tokens outside, joining heads is a view.
    """
    readers = low.readers(tensor)
    return bool(readers) and all(_takes(low, node) for node in readers)


def wait(low: Lowering, tensor: Tensor) -> bool:
    """Whether steps on each head alone come before heads are brought before their tokens."""
    return any(node.op.headwise for node in low.readers(tensor)) and stay_inside(low, tensor)


def inside(low: Lowering, node: Node, x: Value) -> Value | None:
    """The heads inside of tokens, [..., N, h, k], that x [..., h, N, k] was brought forward from;
    None where the node should work on x as it is."""
    at = len(x.shape) - 3
    if x.transposed is None or not stay_inside(low, node.outputs[0]):
        return None
    base, axes = x.transposed
    return base if axes == (at, at + 1) else None


def before_tokens(x: Value) -> Value:
    """[..., N, h, k] -> [..., h, N, k], a view."""
    at = len(x.shape) - 3
    turned = x.transpose(at, at + 1)
    turned.hint = x.hint
    return turned


def apart(low: Lowering, x: Value, *others: Value) -> Value:
    """x, as a copy where it alone would keep a storage of which it is a part.

    A cache copies it anyway. An attention's v is such a part of the fused matrix's result, once q
    and k were turned: a matrix of its own would save as much, and cost two products more (one in
    backward) and a sum of gradients as wide as the input; the copy is read and written once.
    """
    part = not low.same(x.storage.elements, product(x.shape))
    shared = any(other.storage is x.storage for other in others)
    repeated = Dim.of(0) in x.strides  # a copy would write it out
    if "decode" in low.modes or not part or shared or repeated or _kept(low, x):
        return x
    if x.transposed is None:
        return x.copy().named(x.hint or "x")
    base, axes = x.transposed
    return base.copy().transpose(*axes).named(x.hint or "x")


def _takes(low: Lowering, node: Node) -> bool:
    if node.op.headwise:
        return stay_inside(low, node.outputs[0])
    return node.op.takes_as_they_lie(low, node)


def _kept(low: Lowering, x: Value) -> bool:
    """Whether a step so far may keep x's storage: it reads it, and does not say that it forgets."""
    steps = (step for step in low.method.steps if isinstance(step, Assign))
    readers = (step for step in steps if any(v.storage is x.storage for v in step.inputs))
    return not all(step.saves is VIEW or _forgets(step) for step in readers)


def _forgets(step: Assign) -> bool:
    return step.node is not None and step.node.op.forgets
