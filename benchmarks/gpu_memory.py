"""How much memory a step takes, beside what was predicted: what is kept for backward, and peaks."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from gpu_models import Model
from gpu_numerics import How
from gpu_points import MEMORY, Point, points
from gpu_rows import Job, Row
from gpu_steps import Step, afresh, step_of
from gpu_verdicts import compared
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef

BLOCK = 512
NO_ALLOCATOR = "a CPU has no allocator to ask"
WARM = 2  # steps, after which the optimizer has its states, and compiled code is there


def jobs(models: dict[str, Model], predicted: dict[str, Any], how: How) -> list[Job]:
    chosen = points(MEMORY, next(iter(models.values())).size, how.backend is not None)
    return [job(models[p.model], p, predicted[p.id]["bytes"], how) for p in chosen]


def job(model: Model, point: Point, predicted: Row, how: How) -> Job:
    columns = {"files": model.digest(), **point.about()}
    measure = partial(measured, model, point, predicted, how)
    return Job(f"{point.id}/memory", columns, partial(afresh, measure))


def measured(model: Model, point: Point, predicted: Row, how: How) -> list[Row]:
    """A row for each figure."""
    ledger = OnCuda() if model.device.startswith("cuda") else OnCpu()
    step = step_of(model, point, how)
    for _ in range(WARM):
        step.whole()
    found = trained(step, ledger) if point.mode == "train" else passed(step, ledger)
    return [_row(figure, predicted, bytes) for figure, bytes in found.items()]


def trained(step: Step, ledger: OnCuda | OnCpu) -> dict[str, int | None]:
    """The figures of `gpu_predict.predicted_bytes`, of one step."""
    ledger.start(step)
    with ledger.keeping():
        loss = step.loss()
    saved = ledger.kept(loss)
    loss.backward()
    peak = ledger.peak()
    del loss
    step.update()
    return {"saved": saved, "peak": peak, "total": ledger.total()}


def passed(step: Step, ledger: OnCuda | OnCpu) -> dict[str, int | None]:
    ledger.start(step)
    step.forward()
    return {"peak": ledger.peak(), "total": ledger.total()}


def _row(figure: str, predicted: Row, bytes: int | None) -> Row:
    row = compared(figure, predicted.get(figure), bytes)
    notes = [predicted["why"]] if row["predicted"] is None and "why" in predicted else []
    notes += [NO_ALLOCATOR] if bytes is None else []
    return row | ({"note": "; ".join(notes)} if notes else {})


class OnCuda:
    """The caching allocator's own count, in blocks of 512 bytes."""

    def __init__(self) -> None:
        workspaces()
        torch.cuda.synchronize()
        self.before = torch.cuda.memory_allocated()

    def start(self, step: Step) -> None:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        self.base = torch.cuda.memory_allocated()
        others = (*step.module.buffers(), *step.inputs.values(), *step.labels)
        sizes = {x.untyped_storage()._cdata: x.untyped_storage().nbytes() for x in others}
        self.aside = sum(-(-size // BLOCK) * BLOCK for size in sizes.values())

    def keeping(self) -> Any:
        return nullcontext()

    def kept(self, loss: Tensor) -> int:
        return torch.cuda.memory_allocated() - self.base

    def peak(self) -> int:
        """Beside what the step began with."""
        return torch.cuda.max_memory_allocated() - self.base

    def total(self) -> int:
        """With weights and the optimizer's states, without buffers, inputs and labels."""
        return torch.cuda.max_memory_allocated() - self.before - self.aside


def workspaces() -> None:
    """Those of products, of forward's thread and of backward's, which belong to no model."""
    for dtype in (torch.float32, torch.bfloat16):
        linear = nn.Linear(64, 64, device="cuda", dtype=dtype)
        linear(torch.ones(64, 64, device="cuda", dtype=dtype)).sum().backward()


class OnCpu:
    """A rehearsal: what autograd packs, each storage once, without what is there anyway."""

    def start(self, step: Step) -> None:
        weights = (*step.module.parameters(), *step.module.buffers())
        there = (*weights, *step.inputs.values(), *step.labels)
        self.known = {tensor.untyped_storage()._cdata for tensor in there}
        self.held: dict[int, tuple[int, StorageWeakRef]] = {}

    def keeping(self) -> Any:
        return saved_tensors_hooks(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.known:  # a weak reference keeps the address taken
            self.held.setdefault(storage._cdata, (storage.nbytes(), StorageWeakRef(storage)))
        return tensor

    def kept(self, loss: Tensor) -> int:
        return loss.nbytes + sum(count for count, _ in self.held.values())

    def peak(self) -> None:
        return None

    def total(self) -> None:
        return None
