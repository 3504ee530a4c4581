"""What a layer is: its knobs, its documentation, and the registry of steps that a spec may use."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tfspec.diagnostics import Rule
from tfspec.spec.located import Located
from tfspec.spec.types import is_name

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

TensorKind = Literal["float", "ids"]

NOT_YET = Rule(
    "TS901",
    "not supported yet",
    "The language has this step or knob, and this version of tfspec cannot build it yet.",
    "A knob that were ignored would silently give another model.",
    "attend: {heads: 8, window: {T: 8}, alibi: true}",
    "Leave it out, or use a newer tfspec.",
)
ENTRY_POINTS = "tfspec.layers"
STEPS: dict[str, type[Layer]] = {}
"""Every step known so far, by its key in a spec."""

Reads = Literal["value", "nothing", "operands"]

_discovered: set[str] = set()


class Layer(Located):
    """A step of a pipeline. A layer is its knobs; `forward` says what it does with a value."""

    step: ClassVar[str] = ""
    """The key of the step in a spec."""
    reads: ClassVar[Reads] = "value"
    """What it works on: the value at its place, nothing (a source), or what its operands read."""
    part_fields: ClassVar[frozenset[str]] = frozenset()
    """The fields with a pipeline whose bare name may be a part of the current value."""
    takes: ClassVar[TensorKind | None] = "float"
    """The kind of value it works on; None for any."""
    takes_raw: ClassVar[bool] = False
    """Whether it wants an input as it comes (an image as [B, 3, H, W]), not as rows."""

    takes_unequal: ClassVar[bool] = False
    """Whether the parts of what it works on may have widths of their own."""

    keeps_shape: ClassVar[bool] = False
    """Whether its value is over the same tokens, of the same width, as what it works on."""

    branch_knobs: ClassVar[frozenset[str]] = frozenset()
    """Knobs that speak of the branch of a block that this step begins, and of nothing elsewhere."""

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        """The value after this step, recorded in the running trace. `x` is None at a start."""
        del x
        raise g.not_yet(f"`{self.step}`", self.name_span)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "step" not in cls.__dict__:
            return
        taken = STEPS.get(cls.step)
        if not is_name(cls.step) or (taken and _identity(taken) != _identity(cls)):
            raise TypeError(f"step {cls.step!r} of {_identity(cls)} is no name, or is taken")
        cls.called = f"`{cls.step}`"
        STEPS[cls.step] = cls


def _identity(layer: type[Layer]) -> str:
    return f"{layer.__module__}.{layer.__qualname__}"


def find_step(name: str) -> type[Layer] | None:
    """The layer of a step, or None. A package from outside is asked only for an unknown one."""
    _discover_own()
    if name not in STEPS and is_name(name):
        _discover_outside()
    return STEPS.get(name)


def steps() -> dict[str, type[Layer]]:
    """Every step there is, by name: tfspec's own, and those of packages from outside."""
    _discover_own()
    _discover_outside()
    return STEPS


def _discover_own() -> None:
    if "own" in _discovered:
        return
    _discovered.add("own")
    package = importlib.import_module("tfspec.layers")
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"tfspec.layers.{found.name}")


def _discover_outside() -> None:
    if "outside" in _discovered:
        return
    _discovered.add("outside")
    from importlib.metadata import entry_points

    for found in entry_points(group=ENTRY_POINTS):
        found.load()
