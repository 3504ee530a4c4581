"""Weights that several steps share: what the steps must have in common, by their traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from tfspec.graph import mask_tree as mt
from tfspec.graph.mask import Mask
from tfspec.graph.scope import Group
from tfspec.graph.space import Part, Space
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Op, Trace
from tfspec.symbolic import Dim

Shape = tuple[Dim, ...]


def unequal_shapes(
    first: Trace, again: Trace, same: Callable[[Shape, Shape], bool]
) -> tuple[str, Shape, Shape] | None:
    """A weight that two traces over one scope need in two shapes: its name and both shapes."""
    held = dict(_weights(first))
    for key, shape in _weights(again):
        if key in held and not same(held[key], shape):
            group, attribute = key
            return f"{group.base}.{attribute}" if attribute else group.base, held[key], shape
    return None


def runs_alike(first: Trace, again: Trace) -> bool:
    """Whether two traces over one scope are one forward: the same ops, on the same weights."""
    ours, theirs = list(first.nodes()), list(again.nodes())
    return len(ours) == len(theirs) and all(map(_alike, ours, theirs))


def _weights(trace: Trace) -> Iterator[tuple[tuple[Group, str], Shape]]:
    for node in trace.nodes():
        for attribute, spec in node.op.weights(*node.inputs).items():
            assert node.group is not None
            yield (node.group, attribute), spec.shape


def _alike(a: Node, b: Node) -> bool:
    return a.group is b.group and type(a.op) is type(b.op) and _knobs(a.op) == _knobs(b.op)


def _knobs(op: Op) -> dict[str, object]:
    """What an op's code depends on. Token spaces, operands and inner traces are not of it."""
    return {name: _shown(value) for name, value in vars(op).items()}


def _shown(value: object) -> object:
    """A knob as it is; token spaces, tensors and traces are a matter of the call."""
    if isinstance(value, Mask):
        return value.keeps_one, _tree(value.tree)
    if isinstance(value, tuple):
        return tuple(map(_shown, cast("tuple[object, ...]", value)))
    return None if isinstance(value, Space | Part | Tensor | Trace) else value


def _tree(tree: mt.Condition) -> object:
    """A mask's structure; which flags it reads is a matter of the call."""
    match tree:
        case mt.Flag(given):
            return "flag", bool(given.query), bool(given.key), given.plain
        case mt.And(parts) | mt.Or(parts):
            return type(tree), tuple(map(_tree, parts))
        case mt.Not(part):
            return type(tree), _tree(part)
        case _:
            return tree
