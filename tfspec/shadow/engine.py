"""Backward, in the order of torch's engine: what is made, when, and when it goes."""

from __future__ import annotations

import heapq
import sys
from collections import Counter

from tfspec.shadow.autograd import Grads, Leaf, Node
from tfspec.shadow.strides import Ints, packed
from tfspec.shadow.tensor import Tensor, fresh, like

Slots = dict[int, Tensor]


def backward(loss: Tensor) -> None:
    """Run the graph behind a loss. Gradients stay with the leaves, and all else is let go.

    Nodes run by descending order of recording, leaves at once (`ReadyQueue`).
    """
    root = loss.node
    assert isinstance(root, Node), "the loss comes from a weight"
    seed = like("ones_like", loss)  # the caller's frame holds it to the end
    with loss.machine.without_grad():
        del loss
        waits = _dependencies(root)
        buffers: dict[int, Slots] = {id(root): {0: seed}}
        ready: list[tuple[int, int, Node | Leaf]] = [(-root.order, 0, root)]
        tick = 0
        del root
        while ready:
            node = heapq.heappop(ready)[2]
            slots = buffers.pop(id(node))
            if isinstance(node, Leaf):
                _collect(node, slots)
                continue
            grads = _run(node, slots)
            edges, node.edges = node.edges, []
            added: list[Tensor] = []  # what is added to another stays to the end (`accumulate`)
            for at, edge in enumerate(edges):
                if edge is None:
                    continue
                to, slot = edge
                grad, grads[at] = grads[at], None
                if grad is not None and not _add(buffers.setdefault(id(to), {}), slot, grad):
                    added.append(grad)
                grad = None
                waits[id(to)] -= 1
                if not waits[id(to)] and id(to) in buffers:
                    tick += 1
                    heapq.heappush(ready, (-to.order, tick, to))
            grads = edges = node = to = edge = None
            added.clear()


def _dependencies(root: Node) -> Counter[int]:
    waits: Counter[int] = Counter()
    todo: list[Node | Leaf] = [root]
    seen = {id(root)}
    while todo:
        node = todo.pop()
        for edge in node.edges if isinstance(node, Node) else ():
            if edge is not None:
                waits[id(edge[0])] += 1
                if id(edge[0]) not in seen:
                    seen.add(id(edge[0]))
                    todo.append(edge[0])
    return waits


def _run(node: Node, slots: Slots) -> Grads:
    """Its gradients, brought to the shapes and dtypes of the inputs, one after another.

    What came in and what it saved go only then (`call_function`, `release_variables`); what was
    made again for it goes before.
    """
    assert node.backward is not None
    machine = next(iter(slots.values())).machine
    machine.of_loss, machine.module = node.of_loss, node.module
    held = node.held()
    given = [slots.get(slot) for slot in range(len(node.outputs))]
    slots.clear()
    grads = list(node.backward(given))
    del held
    for at, shape in enumerate(node.shapes):
        grad, grads[at] = grads[at], None
        if grad is not None and shape is not None:
            grad = summed(grad, shape[0])
            grads[at] = grad if grad.dtype is shape[1] else like("to", grad, dtype=shape[1])
        grad = None
    node.backward, node.saved = None, []
    return grads


def summed(grad: Tensor, shape: Ints) -> Tensor:
    """A gradient over the axes that were stretched (`sum_to`)."""
    return grad if grad.shape == shape else fresh("sum", (grad,), shape)


def _add(slots: Slots, slot: int, grad: Tensor) -> bool:
    """A second gradient of one value, in place where nothing else holds the first; whether this
    one was the first."""
    old = slots.get(slot)
    if old is None:
        slots[slot] = grad
        return True
    # held by `slots` and by `old`, beside the call that counts
    alone = sys.getrefcount(old) <= 3 and sys.getrefcount(old.storage) <= 2 and not old.is_view
    if old.machine.dispatch or not alone or not packed(old.shape, old.strides):
        slots[slot] = like("accumulate", old, grad)
    return False


def _collect(leaf: Leaf, slots: Slots) -> None:
    """Take a gradient as it is, or a copy where others hold it or it is laid out otherwise."""
    grad = slots.pop(0)
    same = packed(grad.shape, grad.strides) and all(
        size == 1 or a == b
        for size, a, b in zip(leaf.shape, grad.strides, leaf.strides, strict=True)
    )
    if not same or sys.getrefcount(grad) > 2:
        grad = fresh("clone", (grad,), leaf.shape, strides=leaf.strides)
    grad.storage.record.gradient = grad.machine.clock
    leaf.grad = grad
