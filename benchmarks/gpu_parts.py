"""The parts of the battery: each is one command, which goes on where it was stopped.

What needs torch is imported when a part is planned, so that the help needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_cases import ALL, ENCODERS, MODELS, ROTARY
from gpu_rows import Job, Row, say

if TYPE_CHECKING:
    from gpu_masked import Masked
    from gpu_models import Model


@dataclass(frozen=True)
class Setting:
    """Where and how a part runs; `backend` is None where nothing is compiled."""

    manifest: dict[str, Any]
    folder: Path
    size: str
    device: str
    backend: str | None
    iterations: int

    def models(self, names: tuple[str, ...]) -> list[Model]:
        from gpu_models import Model

        entries = self.manifest["models"]
        return [
            Model(name, self.size, self.folder, entries[name][self.size], self.device)
            for name in names
        ]

    def masked(self) -> list[Masked]:
        from gpu_masked import Masked

        entries = self.manifest["flex"].items()
        return [
            Masked(name, self.size, self.folder, sizes[self.size], self.device)
            for name, sizes in entries
        ]

    def how(self, key: str = "compile") -> Any:
        from gpu_numerics import How

        return How(self.backend, self.manifest[key])


def numerics(setting: Setting) -> list[Job]:
    import gpu_numerics

    return gpu_numerics.jobs(setting.models(MODELS), setting.how())


def speed(setting: Setting) -> list[Job]:
    import gpu_speed

    return gpu_speed.jobs(setting.models(MODELS), setting.how(), setting.iterations)


def right_and_fast(setting: Setting, names: tuple[str, ...]) -> list[Job]:
    """First all numbers, then all times, compiled and eager."""
    import gpu_numerics
    import gpu_speed

    models, how = setting.models(names), setting.how()
    found = gpu_numerics.jobs(models, how)
    return found + gpu_speed.two_forms(models, how, setting.iterations)


def rotary(setting: Setting) -> list[Job]:
    return right_and_fast(setting, ROTARY)


def encoders(setting: Setting) -> list[Job]:
    return right_and_fast(setting, ENCODERS)


def flex(setting: Setting) -> list[Job]:
    import gpu_flex

    return gpu_flex.jobs(setting.masked(), setting.how("flex compile"))


def flex_speed(setting: Setting) -> list[Job]:
    import gpu_flex

    how = setting.how("flex compile")
    return gpu_flex.speed_jobs(setting.masked(), how, setting.iterations)


def memory(setting: Setting) -> list[Job]:
    import gpu_memory

    models = {model.name: model for model in setting.models(ALL)}
    return gpu_memory.jobs(models, setting.manifest["points"][setting.size], setting.how())


def time(setting: Setting) -> list[Job]:
    import gpu_time

    models = {model.name: model for model in setting.models(ALL)}
    peaks = gpu_time.peaks_of(setting.manifest["sheets"], device_name(setting.device))
    if peaks is None:
        say("this device has no data sheet: seconds are not predicted, efficiencies not measured")
    predicted = setting.manifest["points"][setting.size]
    return gpu_time.jobs(models, predicted, setting.how(), peaks, setting.iterations)


def efficiency_table(rows: Sequence[Row], results: Path) -> None:
    import gpu_time

    gpu_time.finish(rows, results)


def device_name(device: str) -> str:
    """As torch names it."""
    import torch

    return torch.cuda.get_device_name() if device.startswith("cuda") else "cpu"


def nothing_more(rows: Sequence[Row], results: Path) -> None:
    """Most parts are done when their rows are there."""


@dataclass(frozen=True)
class Part:
    """What a part asks, in one line, its jobs in order, and what it makes of their rows."""

    about: str
    plan: Callable[[Setting], list[Job]]
    finish: Callable[[Sequence[Row], Path], None] = nothing_more


PARTS = {
    "numerics": Part("gpt2, vit-b16, transformer-base: right, against transformers?", numerics),
    "speed": Part("the same three: how fast, side by side?", speed),
    "rotary": Part("llama-3-8b, whole layers, few of them: right? how fast?", rotary),
    "encoders": Part("swin-t and bert-base: right? how fast?", encoders),
    "flex": Part("FlexAttention against SDPA with a mask: right? how many graphs?", flex),
    "flex-speed": Part("FlexAttention against SDPA with a mask: how fast?", flex_speed),
    "memory": Part("bytes kept for backward, and peaks: as predicted?", memory),
    "time": Part("seconds of a step: as predicted? efficiencies", time, efficiency_table),
}
