"""From one kernel's launch to the next: chains of kernels too small to take any time themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from gpu_numerics import How
from torch import Tensor, nn

LONG, ROUNDS = 64, 10
SIDE = 128  # of a square of numbers


class Chain(nn.Module):
    """`LONG` steps, each of `kernels` kernels that nothing fuses into one."""

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor], weights: list[Tensor]) -> None:
        super().__init__()
        self.step, self.weights = step, weights

    def forward(self, x: Tensor) -> Tensor:
        for weight in self.weights:
            x = self.step(x, weight)
        return x


def product(x: Tensor, weight: Tensor) -> Tensor:
    return x @ weight


def activated(x: Tensor, weight: Tensor) -> Tensor:
    return F.gelu(x @ weight)


def normed(x: Tensor, weight: Tensor) -> Tensor:
    return F.layer_norm(x @ weight, (SIDE,))


STEPS = {"product": (product, 1), "product, gelu": (activated, 2), "product, norm": (normed, 2)}


def gaps(form: str, how: How, device: str) -> Iterator[tuple[str, list[float]]]:
    """Microseconds a kernel, of several rounds of each chain."""
    long = LONG if device.startswith("cuda") else 4
    for name, (step, kernels) in STEPS.items():
        weights = [torch.randn(SIDE, SIDE, device=device) for _ in range(long)]
        chain: Any = Chain(step, weights)
        run = how.compile(chain) if form == "compiled" else chain
        x = torch.randn(SIDE, SIDE, device=device)
        with torch.inference_mode():
            yield name, [1e6 * each / (long * kernels) for each in _rounds(run, x, device)]


def _rounds(run: Callable[[Tensor], Tensor], x: Tensor, device: str) -> list[float]:
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    found: list[float] = []
    for _ in range(3 + ROUNDS):
        wait()
        start = time.perf_counter()
        run(x)
        wait()
        found.append(time.perf_counter() - start)
    return found[3:]
