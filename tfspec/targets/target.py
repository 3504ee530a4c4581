"""What a target is: where a program runs, and what suits it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["cpu", "cuda"]
Kernel = Literal["sdpa", "flex"]


@dataclass(frozen=True)
class Source:
    """A document of the vendor's."""

    title: str
    url: str


@dataclass(frozen=True)
class Target:
    """A data sheet. Rates are peaks without sparsity; what a sheet does not know is left out.

    `about` ends the sentence "compiled as a whole for ...". `kind` is torch's name of the device;
    `compile` are keywords of torch.compile with their values as Python text; `devices` are the
    names that the driver gives it. `measured` says that the rates were seen, not only read.
    """

    name: str
    about: str
    kind: Kind
    kernels: tuple[Kernel, ...]
    tflops: Mapping[str, float] = field(default_factory=dict[str, float])
    bandwidth_gb_per_s: float | None = None
    memory_gb: float | None = None
    power_watts: float | None = None
    compile: Mapping[str, str] = field(default_factory=dict[str, str])
    devices: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    measured: bool = False

    @property
    def flex(self) -> bool:
        """Whether FlexAttention is right and fast there. Compiled for a CPU it is wrong."""
        return "flex" in self.kernels

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
