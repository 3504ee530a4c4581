"""Emitted files as running modules, with weights by their semantic names."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Container, Mapping
from types import ModuleType

import torch
from torch import Tensor, nn

_NUMBERS = itertools.count()

# the fast style stacks what reads one value; the rows are in this order, of experts in each matrix
STACKED = {
    "qkv": ("q", "k", "v"),
    "kv": ("k", "v"),
    "qk": ("q", "k"),
    "qv": ("q", "v"),
    "gate_up": ("gate", "up"),
    "modulation": ("shift1", "scale1", "gate1", "shift2", "scale2", "gate2"),
    "image_modulation": ("image_shift", "image_scale"),
    "latents": ("q_down", "kv_down", "k_rope"),
}

Piece = tuple[str, slice | tuple[slice, ...]]


def run_file(source: str) -> ModuleType:
    """What an emitted file defines. It is run under a name, so that its `__main__` part is not."""
    module = ModuleType(f"emitted_{next(_NUMBERS)}")
    sys.modules[module.__name__] = module  # torch.compile looks its functions up there
    exec(compile(source, f"{module.__name__}.py", "exec"), vars(module))
    return module


def model_of(source: str) -> nn.Module:
    """The model of an emitted file, its weights not set yet; dropout is off, as in evaluation."""
    return run_file(source).build().eval()


def pieces(model: nn.Module, shapes: Mapping[str, Tensor]) -> dict[str, Piece]:
    """Where each semantic weight lies in the model: a parameter's name and rows of it."""
    found: dict[str, Piece] = {}
    parameters = dict(model.named_parameters())
    for name in shapes:
        whole = name in parameters
        found[name] = (name, ()) if whole else _stacked(name, shapes, parameters)
    missing = parameters.keys() - {parameter for parameter, _ in found.values()}
    assert not missing, f"no semantic weight is for {sorted(missing)}"
    return found


def _stacked(name: str, shapes: Mapping[str, Tensor], parameters: Container[str]) -> Piece:
    """`NAME.weight` of a map, or `NAME` of a stack of experts' maps [E, rows, d]."""
    bare = not name.endswith((".weight", ".bias"))
    path, dot, attribute = (name, "", "") if bare else name.rpartition(".")
    head, own, after = *_parted(path), f"{dot}{attribute}"
    for joint, parts in STACKED.items():
        if own in parts and f"{head}{joint}{after}" in parameters:
            rows = [shapes[f"{head}{part}{after}"].shape[bare] for part in parts]
            start = sum(rows[: parts.index(own)])
            piece = slice(start, start + rows[parts.index(own)])
            return f"{head}{joint}{after}", (slice(None), piece) if bare else piece
    raise AssertionError(f"the model has no weight {name}")


def _parted(path: str) -> tuple[str, str]:
    """What stands before the last name of a path, with its dot, and that name."""
    head, dot, own = path.rpartition(".")
    return f"{head}{dot}", own


@torch.no_grad()
def place(model: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """Copy weights into the model by their semantic names; every parameter must be given."""
    parameters = dict(model.named_parameters())
    for name, (parameter, rows) in pieces(model, weights).items():
        target = parameters[parameter][rows]
        assert target.shape == weights[name].shape, name
        target.copy_(weights[name])
    return model


def gradients(model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's gradients by the semantic names of `weights`."""
    parameters = dict(model.named_parameters())
    found: dict[str, Tensor] = {}
    for name, (parameter, rows) in pieces(model, weights).items():
        gradient = parameters[parameter].grad
        assert gradient is not None, f"{parameter} has no gradient"
        found[name] = gradient[rows]
    return found


def learned_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """A public model's parameters, without the tables of sines that some keep among them."""
    fixed = {id(m.weight) for m in model.modules() if "Sinusoidal" in type(m).__name__}
    named = model.named_parameters()
    return {name: p for name, p in named if p.requires_grad and id(p) not in fixed}


@torch.no_grad()
def randomise(parameters: Mapping[str, nn.Parameter], seed: int, scale: float = 1.0) -> None:
    """Every weight drawn at fan-in scale; biases and norms too, gains around 1."""
    rng = torch.Generator().manual_seed(seed)
    for name, parameter in parameters.items():
        fan_in = parameter[0].numel() if parameter.dim() > 1 else parameter.numel()
        drawn = torch.randn(parameter.shape, generator=rng) * fan_in**-0.5 * scale
        gain = parameter.dim() == 1 and name.endswith(".weight")
        parameter.copy_(drawn + 1 if gain else drawn)


def relative(a: Tensor, b: Tensor) -> float:
    """The norm of the difference over the norm of `b`."""
    assert a.shape == b.shape, f"{tuple(a.shape)} is not {tuple(b.shape)}"
    return ((a.detach() - b.detach()).double().norm() / b.detach().double().norm()).item()
