"""The parts of the battery: each is one command, which goes on where it was stopped.

What needs torch is imported when a part is planned, so that the help needs none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_cases import ENCODERS, MODELS, ROTARY
from gpu_rows import Job

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


@dataclass(frozen=True)
class Part:
    """What a part asks, in one line, and its jobs in order."""

    about: str
    plan: Callable[[Setting], list[Job]]


PARTS = {
    "numerics": Part("gpt2, vit-b16, transformer-base: right, against transformers?", numerics),
    "speed": Part("the same three: how fast, side by side?", speed),
    "rotary": Part("llama-3-8b, whole layers, few of them: right? how fast?", rotary),
    "encoders": Part("swin-t and bert-base: right? how fast?", encoders),
    "flex": Part("FlexAttention against SDPA with a mask: right? how many graphs?", flex),
    "flex-speed": Part("FlexAttention against SDPA with a mask: how fast?", flex_speed),
}
