"""One step of a point, ready to be measured: the emitted file, its inputs, a loss, an optimizer.

Everything as torch has it by default, but for no TF32 in products, which is its default too: a
battery part that compares numbers changes these switches, and this sets them back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from gpu_compare import DTYPES, cast, free, outputs_of
from gpu_inputs import Inputs
from gpu_loads import WithLoss
from gpu_models import Model
from gpu_numerics import How
from gpu_points import Point
from gpu_rows import Row
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def afresh(measure: Callable[[], list[Row]]) -> list[Row]:
    """Torch's own settings; nothing of one job is left for the next."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = True
    torch.manual_seed(0)
    torch.compiler.reset()
    try:
        return measure()
    finally:
        torch.compiler.reset()
        free()


def criterion(outputs: tuple[Tensor, ...], labels: tuple[Tensor, ...]) -> Tensor:
    """Mean cross entropy over each output's last axis, summed over outputs."""
    pairs = zip(outputs, labels, strict=True)
    terms = [F.cross_entropy(out.flatten(0, -2), wanted.flatten()) for out, wanted in pairs]
    return sum(terms[1:], terms[0])


@dataclass
class Step:
    """A training step in its parts, or a forward pass."""

    module: nn.Module
    run: nn.Module
    inputs: Inputs
    labels: tuple[Tensor, ...]
    optimizer: torch.optim.Optimizer | None

    def loss(self) -> Tensor:
        return self.run(self.labels, **self.inputs)[0]

    def update(self) -> None:
        assert self.optimizer is not None
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @torch.inference_mode()
    def forward(self) -> Any:
        return self.run(**self.inputs)

    def whole(self, turn: int = 0) -> None:
        """Everything, as in use; nothing holds the outputs."""
        if self.optimizer is None:
            self.forward()
            return
        self.loss().backward()
        self.update()


def step_of(model: Model, point: Point, how: How) -> Step:
    """Weights as the file draws them; every input is given, flags of padding too."""
    module = model.file(point.part).build(model.device, DTYPES[point.dtype])
    inputs = cast(model.inputs(point.load, padded=model.pads), point.dtype)
    compiled = how if point.form == "compiled" else How(None, {})
    if point.mode == "forward":
        module.eval()
        return Step(module, compiled.compile(module), inputs, (), None)
    labels = labels_of(module, inputs)
    module.train()
    if point.checkpoint == "block":
        by_block(module)
    run = compiled.compile(WithLoss(module, criterion))
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4, fused=True)
    return Step(module, run, inputs, labels, optimizer)


@torch.no_grad()
def labels_of(module: nn.Module, inputs: Inputs) -> tuple[Tensor, ...]:
    """A random class for every row of every output."""
    outputs = outputs_of(module.eval()(**inputs))
    return tuple(torch.randint(out.shape[-1], out.shape[:-1], device=out.device) for out in outputs)


def by_block(module: nn.Module) -> None:
    """What a block computes is not kept, but computed again when backward comes to it."""
    for blocks in module.children():
        for block in blocks if isinstance(blocks, nn.ModuleList) else ():
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
