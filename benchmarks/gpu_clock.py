"""Taking times: events of the device, in turns, over a cold cache; peak memory; clocks."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

Call = Callable[[int], object]
QUERY = ("clocks.sm", "clocks.mem", "temperature.gpu", "power.draw")


def in_turns(calls: Mapping[str, Call], device: str, iterations: int) -> dict[str, list[float]]:
    """Milliseconds of every call, `iterations` of each.

    In every round each is called once, so that clocks and neighbours are the same to all; who
    begins moves on. Nothing waits between calls: the device works behind the host, as it does in
    real use, and a call that is bound by its host is seen to be.
    """
    names = list(calls)
    for index in range(2 * len(names)):
        calls[names[index % len(names)]](index)
    take = _on_cuda if device.startswith("cuda") else _on_cpu
    order = [names[turn % len(names) :] + names[: turn % len(names)] for turn in range(iterations)]
    return take(calls, order)


def _on_cuda(calls: Mapping[str, Call], order: list[list[str]]) -> dict[str, list[float]]:
    spoiler = torch.empty(_spoil_bytes(), dtype=torch.uint8, device="cuda")
    marks: dict[str, list[tuple[Any, Any]]] = {name: [] for name in calls}
    torch.cuda.synchronize()
    for turn, names in enumerate(order):
        for name in names:
            spoiler.zero_()  # what the last call left in the L2 is gone
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            calls[name](turn)
            end.record()
            marks[name].append((start, end))
    torch.cuda.synchronize()
    return {name: [s.elapsed_time(e) for s, e in pairs] for name, pairs in marks.items()}


def _spoil_bytes() -> int:
    """Four times the L2 cache."""
    return 4 * getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 64 << 20)


def _on_cpu(calls: Mapping[str, Call], order: list[list[str]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn, names in enumerate(order):
        for name in names:
            start = time.perf_counter()
            calls[name](turn)
            found[name].append(1e3 * (time.perf_counter() - start))
    return found


def compared(ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """The columns of a row: medians, the ratio (more than 1: ours is faster), and its quartiles.

    The ratio is of medians; the quartiles are of the ratios of single rounds.
    """
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "ms": statistics.median(ours),
        "ms_min": min(ours),
        "ms_max": max(ours),
        "peer_ms": statistics.median(theirs),
        "ratio": statistics.median(theirs) / statistics.median(ours),
        "ratio_quartiles": [low, high],
        "iterations": len(ours),
    }


class Memory:
    """Peak memory of what is made and called inside, in bytes; None on a CPU.

    `before` is what others hold; `start()` forgets what compiling and checking took.
    """

    def __init__(self, device: str) -> None:
        self.cuda = device.startswith("cuda")
        self.before = torch.cuda.memory_allocated() if self.cuda else 0

    def start(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int | None:
        if not self.cuda:
            return None
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - self.before


def clocks(device: str) -> dict[str, str] | None:
    """What the card says of its clocks now; it is read, never set."""
    if not device.startswith("cuda") or shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        return None
    values = done.stdout.splitlines()[0].split(",")
    return {name: value.strip() for name, value in zip(QUERY, values, strict=True)}
