"""Heads [..., h, N, k] in memory: tokens stay outside as long as readers let them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node
from tfspec.program.value import Value

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


def _takes(low: Lowering, node: Node) -> bool:
    if node.op.headwise:
        return stay_inside(low, node.outputs[0])
    return node.op.takes_as_they_lie(low, node)
