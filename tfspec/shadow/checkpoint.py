"""torch.utils.checkpoint without reentrant autograd: nothing is kept but what goes in.

Each tensor that a region would save leaves a holder. The first that backward asks for runs the
region again, up to its last save, and each holder lets its tensor go once it has been asked.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from tfspec.shadow.autocast import region
from tfspec.shadow.machine import Machine, Record, Storage
from tfspec.shadow.tensor import Tensor


class Stop(Exception):
    """All that was saved has been made again (`early_stop`)."""


class Frame:
    """One call of a region. It holds the arguments until all of its holders have gone."""

    def __init__(self, machine: Machine, function: Callable[..., Any], args: Any) -> None:
        self.machine = machine
        self.function = function
        self.args: tuple[Any, ...] = args
        self.autocast = machine.autocast
        self.holders: list[weakref.ref[Holder]] = []
        self.done = False

    def pack(self, _: Tensor) -> Holder:
        holder = Holder(self)
        self.holders.append(weakref.ref(holder))
        return holder

    def again(self) -> None:
        """Run the region with its graph, whose nodes end with this call."""
        self.done = True
        machine, count = self.machine, 0

        def pack(x: Tensor) -> Storage:
            nonlocal count
            holder = self.holders[count]()
            count += 1
            if holder is not None:
                holder.storage = x.storage
                x.storage.record.kept = True
            if count == len(self.holders):
                raise Stop
            return x.storage

        before = machine.pack, machine.grad
        machine.pack, machine.grad = pack, True
        try:
            with region(machine, self.autocast):
                self.function(*self.args)
        except Stop:
            pass
        finally:
            machine.pack, machine.grad = before

    def records(self) -> list[Record]:
        return [each.storage.record for each in self.args if isinstance(each, Tensor)]


class Holder:
    """A place in a graph for what is not kept."""

    __slots__ = ("__weakref__", "frame", "storage")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.storage: Storage | None = None

    def unpack(self) -> Storage:
        if not self.frame.done:
            self.frame.again()
        storage, self.storage = self.storage, None
        assert storage is not None, "what was saved is made again, and asked for once"
        return storage

    def records(self) -> list[Record]:
        """What stays because of it: the inputs of its region."""
        return self.frame.records()


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool = False) -> Any:
    """function(*args), whose saved tensors are made again in backward."""
    machine = next(each.machine for each in args if isinstance(each, Tensor))
    if not machine.grad:
        return function(*args)
    frame = Frame(machine, function, args)
    before, machine.pack = machine.pack, frame.pack
    try:
        return function(*args)
    finally:
        machine.pack = before
