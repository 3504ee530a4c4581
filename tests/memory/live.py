"""The peak of a step, measured: every storage that an op hands out, while it is alive."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tfspec.passes.memory.loss import STEP


class Live(TorchDispatchMode):
    """Bytes alive, each storage once and whole; `known` ones are there anyway.

    `between` are those after the loss; `log` has what each op made, in order: its name, the bytes, and all that then were alive.
    """

    def __init__(self, known: Sequence[Tensor], block: int = 1) -> None:
        super().__init__()
        self.block = block
        self.now = self.peak = 0
        self.between = 0  # the loss
        self.log: list[tuple[str, int, int]] = []
        self.seen = {each.untyped_storage()._cdata for each in known}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for each in tree_leaves(out):
            if isinstance(each, Tensor):
                self._meet(str(func), each.untyped_storage())
        return out

    def _meet(self, name: str, storage: Any) -> None:
        key = storage._cdata
        if key in self.seen:
            return
        size = -(-storage.nbytes() // self.block) * self.block
        self.seen.add(key)
        self.log.append((name, size, self.now + size))
        self.now += size
        if self.now > self.peak:
            self.peak = self.now
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size


def lived(
    model: nn.Module, given: Sequence[Tensor], labels: Sequence[Tensor | None], block: int = 1
) -> Live:
    """One training step, of the loss that is told of. The first under a mode leaves garbage, so
    that one runs before."""
    names: dict[str, Any] = {}
    exec(STEP, names)
    targets = [label for label in labels if label is not None]
    known = [*model.parameters(), *model.buffers(), *given, *targets]
    live = Live(known, block)
    for mode in (Live(known, block), live):
        with mode:
            loss = names["loss_of"](model.train(), given, labels)
            mode.between = mode.now
            loss.backward()
        del loss
        model.zero_grad(set_to_none=True)
    return live
