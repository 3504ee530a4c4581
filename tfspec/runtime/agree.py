"""Two emitted files of one graph on the same weights and inputs: whether they give one answer."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from tfspec.passes.emit.file import file_text
from tfspec.program.program import Program
from tfspec.runtime.weights import layout, pack

CLOSE = 1e-9  # of float64 results: another order of sums is some 1e-15, another model is not


def distance(one: Program, other: Program, given: Mapping[str, Tensor], seed: int) -> float:
    """The largest difference of an output, norm over norm, in float64. Raises what a file raises.

    `given` has the inputs by parameter; weights are random and the same for both.
    """
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    tensors = _weights(other)
    doubles = {name: x.double() if x.is_floating_point() else x for name, x in given.items()}
    pairs = zip(*(_outputs(p, tensors, doubles) for p in (one, other)), strict=True)
    return max(_apart(a, b) for a, b in pairs)


def _weights(program: Program) -> dict[str, Tensor]:
    """Random tensors by semantic name, at a scale that keeps values in range."""
    parts = (part for joint in layout(program).values() for part in joint.parts)
    return {
        part.name: torch.randn(part.shape, dtype=torch.float64) * _scale(part.shape)
        for part in parts
    }


def _scale(shape: tuple[int, ...]) -> float:
    return shape[-1] ** -0.5 if len(shape) > 1 else 0.5


def _outputs(
    program: Program, tensors: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> tuple[Tensor, ...]:
    module = ModuleType("tfspec_compared")
    exec(compile(file_text(program), "<model>", "exec"), vars(module))
    model: Any = module.build(dtype=torch.float64).eval()
    model.load_state_dict(pack(program, tensors))
    known = inspect.signature(model.forward).parameters
    with torch.no_grad():
        found: Tensor | tuple[Tensor, ...] = model(**{n: x for n, x in given.items() if n in known})
    return found if isinstance(found, tuple) else (found,)


def _apart(a: Tensor, b: Tensor) -> float:
    """Infinite where only one of them is a number."""
    bad = ~torch.isfinite(a)
    if a.shape != b.shape or not torch.equal(bad, ~torch.isfinite(b)):
        return float("inf")
    a, b = a[~bad], b[~bad]
    if not a.numel():
        return 0.0
    return float(((a - b).square().sum() / (b.square().sum() + 1e-12)).sqrt())
