"""Autograd's graph: nodes that keep storages and make gradients, and leaves that collect them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfspec.shadow.machine import Record, Storage
from tfspec.shadow.strides import Ints
from tfspec.shadow.tensor import Tensor

Grads = list[Tensor | None]
Backward = Callable[[Any], Sequence[Tensor | None]]
LAST = 1 << 62


class Leaf:
    """A parameter's end of the graph (AccumulateGrad): it runs as soon as it can."""

    __slots__ = ("grad", "shape", "strides")
    name = "AccumulateGrad"
    order = LAST

    def __init__(self, shape: Ints, strides: Ints) -> None:
        self.shape, self.strides = shape, strides
        self.grad: Tensor | None = None


class Node:
    """One recorded op. `saved` is what it keeps, as packed: a storage, or a holder of one.

    `inputs` and `outputs` are records of storages; an input that is no tensor is left out. `read`
    are the tensors that it keeps, for a joint graph alone. `edges` lead to the nodes of those
    inputs that need a gradient, in the order of `shapes`.
    """

    __slots__ = (
        "backward", "edges", "inputs", "module", "name", "of_loss", "order", "outputs", "read",
        "records", "saved", "shapes",
    )  # fmt: skip

    def __init__(self, name: str, inputs: Sequence[Tensor]) -> None:
        machine = inputs[0].machine
        machine.order += 1
        self.order = machine.order
        self.name = name
        self.of_loss, self.module = machine.of_loss, machine.module
        self.inputs = tuple([x.storage.record for x in inputs])
        self.edges = [(x.node, x.slot) if x.node is not None else None for x in inputs]
        self.shapes = [(x.shape, x.dtype) if x.node is not None else None for x in inputs]
        self.saved: list[Any] = []
        self.records: list[Record] = []
        self.read: list[Tensor] = []
        self.outputs: tuple[Record, ...] = ()
        self.backward: Backward | None = None

    def __repr__(self) -> str:
        return f"<{self.name} {self.order}>"

    def keep(self, kept: Sequence[Tensor]) -> None:
        """Save tensors for backward, by the hooks that are in force."""
        for x in kept:
            pack = x.machine.pack
            record = x.storage.record
            self.records.append(record)
            record.kept = record.kept or pack is None
            if x.machine.joint is not None:
                self.read.append(x)
            self.saved.append(x.storage if pack is None else pack(x))

    def held(self) -> list[Storage]:
        """What it keeps, unpacked."""
        return [each if isinstance(each, Storage) else each.unpack() for each in self.saved]


def opened(name: str, inputs: Sequence[Tensor], kept: Sequence[Tensor] = ()) -> Node | None:
    """The node of an op that is about to run, or None where nothing needs a gradient.

    `kept` are inputs that it saves, as torch does before the op runs.
    """
    if not inputs[0].machine.grad or not any(x.node is not None for x in inputs):
        return None
    node = Node(name, inputs)
    if kept:
        node.keep(kept)
    return node


def closed(
    node: Node | None, out: Tensor, backward: Backward, kept: Sequence[Tensor] = ()
) -> Tensor:
    """The op has run: its output belongs to the node. `kept` are results that it saves.

    `backward` gives a gradient for each input, from a list of one for each output; it must not
    hold tensors, for what it refers to lives as long as the graph.
    """
    if node is not None:
        close(node, (out,), backward, kept)
    return out


def close(
    node: Node, outs: Sequence[Tensor], backward: Backward, kept: Sequence[Tensor] = ()
) -> None:
    for slot, out in enumerate(outs):
        out.node, out.slot = node, slot
    node.outputs = tuple([out.storage.record for out in outs])
    node.backward = backward
    if kept:
        node.keep(kept)
    joint = outs[0].machine.joint
    if joint is not None:
        joint.reads(node.name, node.read, outs)


def reachable(root: Node | Leaf | None) -> list[Node]:
    """All nodes of a graph, from the last that was recorded to the first."""
    found: dict[int, Node] = {}
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, Node) and node.order not in found:
            found[node.order] = node
            todo += [edge[0] for edge in node.edges if edge is not None]
    return [found[order] for order in sorted(found, reverse=True)]
