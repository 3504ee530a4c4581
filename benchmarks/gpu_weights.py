"""Where each weight of a spec lies in each implementation, and copying it there and back.

Weights go by the names that the spec gives them (`blocks.0.attention.q.weight`), as the manifest
lists them. A `Slot` is one parameter of one implementation: which weights it holds, one after
another along the first axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Weights = dict[str, Tensor]
Shapes = Mapping[str, list[int]]

# what reads one value may be one matrix; its rows are in this order
STACKED = {"qkv": ("q", "k", "v"), "kv": ("k", "v"), "gate_up": ("gate", "up")}


@dataclass(frozen=True)
class Slot:
    """A parameter and the weights that it holds; `transposed`: their first axis is its last."""

    parameter: str
    weights: tuple[str, ...]
    transposed: bool = False


@dataclass(frozen=True)
class Layout:
    """All slots of an implementation.

    `order`, where features stand in another order there: feature m of the spec is its feature
    order[m].
    """

    slots: tuple[Slot, ...]
    order: Tensor | None = None

    @torch.no_grad()
    def write(self, module: nn.Module, weights: Weights) -> None:
        """Copy all weights into the module; each must have exactly one place."""
        if self.order is not None:
            weights = reordered(weights, self.order.argsort())
        parameters = learned(module)
        self._check(parameters, weights)
        for slot in self.slots:
            parameter = parameters[slot.parameter]
            joined = torch.cat([weights[name] for name in slot.weights])
            turned = joined.flatten(1).T if slot.transposed else joined
            parameter.copy_(turned.reshape(parameter.shape))

    def read_gradients(self, module: nn.Module, shapes: Shapes) -> Weights:
        """The gradients in fp32, by the names of the weights."""
        found: Weights = {}
        parameters = learned(module)
        for slot in self.slots:
            gradient = parameters[slot.parameter].grad
            assert gradient is not None, f"{slot.parameter} has no gradient"
            rows = gradient.float().T if slot.transposed else gradient.float()
            lengths = [shapes[name][0] for name in slot.weights]
            joined = rows.reshape(sum(lengths), *shapes[slot.weights[0]][1:])
            found |= dict(zip(slot.weights, joined.split(lengths), strict=True))
        return found if self.order is None else reordered(found, self.order)

    def _check(self, parameters: Mapping[str, nn.Parameter], weights: Weights) -> None:
        held = [name for slot in self.slots for name in slot.weights]
        assert sorted(held) == sorted(weights), f"weights: {set(held) ^ set(weights)}"
        placed = {slot.parameter for slot in self.slots}
        assert placed == set(parameters), f"parameters: {placed ^ set(parameters)}"


def learned(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are trained; tables kept as frozen parameters are none."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def drawn(shapes: Shapes, device: str, seed: int = 5) -> Weights:
    """Every weight at fan-in scale, biases and norms too, gains around 1: nothing can hide."""
    rng = torch.Generator().manual_seed(seed)
    found: Weights = {}
    for name, shape in shapes.items():
        tensor = torch.randn(shape, generator=rng)
        fan_in = tensor[0].numel() if len(shape) > 1 else tensor.numel()
        gain = len(shape) == 1 and name.endswith(".weight")
        found[name] = (tensor * fan_in**-0.5 + gain).to(device)
    return found


def rounded(weights: Weights, dtype: torch.dtype) -> Weights:
    """The weights as a model in that precision has them, in fp32."""
    return {name: tensor.to(dtype).float() for name, tensor in weights.items()}


def reordered(tensors: Weights, order: Tensor) -> Weights:
    """Every axis of model features in another order; nothing is rounded."""
    return {
        name: tensor
        if (axis := _feature_axis(name)) is None
        else tensor.index_select(axis, order.to(tensor.device))
        for name, tensor in tensors.items()
    }


def _feature_axis(name: str) -> int | None:
    """The axis that holds the model's features: what a map reads, or what ends a branch."""
    module, attribute = name.split(".")[-2:]
    if module == "words" or (module in ("q", "k", "v", "up") and attribute == "weight"):
        return 1
    return 0 if module in ("out", "down") or module.startswith("norm") else None


# ---- layouts


def by_name(module: nn.Module, shapes: Shapes) -> Layout:
    """For a module that uses the spec's names, apart from matrices that are stacked."""
    return Layout(tuple(Slot(name, _held(name, shapes)) for name in learned(module)))


def _held(name: str, shapes: Shapes) -> tuple[str, ...]:
    if name in shapes:
        return (name,)
    head, own, attribute = name.rsplit(".", 2)
    return tuple(f"{head}.{part}.{attribute}" for part in STACKED[own])


def both(table: Mapping[str, str | tuple[str, ...]], transposed: bool = False) -> Iterable[Slot]:
    """Slots for the weight and the bias of modules: theirs to the spec's, or several."""
    for theirs, ours in table.items():
        names = (ours,) if isinstance(ours, str) else ours
        for attribute in ("weight", "bias"):
            weights = tuple(f"{name}.{attribute}" for name in names)
            turned = transposed and attribute == "weight"
            yield Slot(f"{theirs}.{attribute}", weights, turned)


def qkv(attention: str) -> tuple[str, str, str]:
    """The three maps of an attention."""
    return (f"{attention}.q", f"{attention}.k", f"{attention}.v")
