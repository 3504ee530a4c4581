"""What a run of the stand-in runs on: its rules, and a ledger of the bytes that are alive."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from tfspec.shadow.dtypes import Dtype

if TYPE_CHECKING:
    from tfspec.shadow.joint import Joint
    from tfspec.shadow.modules import Module
    from tfspec.shadow.tensor import Tensor

Device = Literal["cpu", "cuda"]
Phase = Literal["forward", "loss", "backward"]
NEVER = 1 << 62
MOST = 60_000
"""Tensors that a step may make, about a second. Llama 3.1 405B makes 14,000, or 22,000 with all of
its layers run again."""


def balanced(rows: int, experts: int) -> Sequence[int]:
    """Rows of each expert, as equal as can be: the first have one more where some are left."""
    each, left = divmod(rows, experts)
    return [each + (at < left) for at in range(experts)]


class Shares(list[int]):
    """Rows of each expert, which data decide: a compiler knows of their sum alone."""


class Unpriced(Exception):
    """A function that no memory rule is known of; it is never taken to be free."""

    def __init__(self, name: str, why: str = "has no memory rule") -> None:
        super().__init__(f"{name} {why}")
        self.name = name


class Record:
    """The life of one storage. It outlives the storage, and holds no bytes itself.

    `op` made it from the storages `parents`; `known` ones are weights, buffers, inputs and labels,
    which are there anyway. It is alive from `born` to `died`, in ticks of the ledger's clock;
    `kept` says that autograd saved it, `gradient` from when on it is a parameter's gradient,
    `of_loss` that it holds logits, or was made for the loss. `module` ran then, or its backward.
    """

    __slots__ = (
        "born", "bytes", "died", "dtype", "elements", "gradient", "kept", "known", "module",
        "of_loss", "op", "parents", "phase",
    )  # fmt: skip

    def __init__(
        self, op: str, elements: int, dtype: Dtype, known: bool, parents: tuple[Record, ...]
    ) -> None:
        self.op = op
        self.elements = elements
        self.dtype = dtype
        self.known = known
        self.parents = parents
        self.bytes = elements * dtype.size
        self.kept = self.of_loss = False
        self.gradient = self.died = NEVER
        self.born = 0
        self.phase: Phase = "forward"
        self.module: Module | None = None

    def __repr__(self) -> str:
        return f"<{self.op}: {self.elements} of {self.dtype.name}>"


class Storage:
    """One allocation: alive while some tensor or autograd node holds it."""

    __slots__ = ("machine", "record")

    def __init__(self, machine: Machine, record: Record) -> None:
        self.machine = machine
        self.record = record
        if not record.known:
            machine.take(record)

    def __del__(self) -> None:
        if not self.record.known:
            self.machine.give(self.record)


class Machine:
    """Rules and ledger of one run.

    `dispatch`: as under a TorchDispatchMode, where gradients are not added in place. `block`: what
    an allocator rounds sizes up to. While `building`, all that is made is known. `shares` says how
    many of so many rows each of so many experts gets, which data decide: `routed` once it is asked.
    `autocast`: the lower precision of the region that runs, whose `copies` are those of weights.
    A `joint` graph is told of every op, as torch.compile would trace it.
    """

    def __init__(self, device: Device = "cpu", *, dispatch: bool = False, block: int = 1) -> None:
        self.device: Device = device
        self.dispatch = dispatch
        self.block = block
        self.now = self.peak = self.clock = self.peak_at = 0
        self.records: list[Record] = []
        self.building = True
        self.grad = True
        self.order = 0
        self.phase: Phase = "forward"
        self.of_loss = False
        self.module: Module | None = None
        self.pack: Callable[[Tensor], Any] | None = None
        self.shares: Callable[[int, int], Sequence[int]] = balanced
        self.routed = False
        self.autocast: Dtype | None = None
        self.copies: dict[int, Tensor] = {}
        self.joint: Joint | None = None

    def take(self, record: Record) -> None:
        self.clock += 1
        record.born = self.clock
        record.phase, record.of_loss, record.module = self.phase, self.of_loss, self.module
        if self.clock > MOST:
            raise Unpriced("a step", f"of more than {MOST:,} tensors is not followed")
        self.records.append(record)
        self.now += self.rounded(record.bytes)
        if self.now > self.peak:
            self.peak, self.peak_at = self.now, self.clock

    def give(self, record: Record) -> None:
        record.died = self.clock
        self.now -= self.rounded(record.bytes)

    def rounded(self, size: int) -> int:
        return -(-size // self.block) * self.block if self.block > 1 else size

    def rows(self, rows: int, experts: int) -> Shares:
        """How many of these rows each expert gets."""
        self.routed = True
        return Shares(self.shares(rows, experts))

    def alive(self, tick: int) -> list[Record]:
        """Storages that were alive at a tick of the clock."""
        return [record for record in self.records if record.born <= tick <= record.died]

    @contextmanager
    def without_grad(self) -> Generator[None]:
        before, self.grad = self.grad, False
        try:
            yield
        finally:
            self.grad = before


@contextmanager
def uncollected() -> Generator[None]:
    """Without the collector of cycles, which would walk a graph again and again: it has none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
