"""A spec by FlexAttention and by SDPA with a mask: two emitted files, with the same inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from gpu_flex_cases import BUNDLED, CASES, numerics_load, timed_load
from gpu_inputs import INPUTS, Inputs, Loss, mean_squares, normal, placed_on, right_padded, vectors
from gpu_models import Model, Variant
from torch import Tensor


class Masked(Model):
    """A case of gpu_flex_cases; SDPA is what FlexAttention is held against."""

    @property
    def load(self) -> dict[str, int]:
        return numerics_load(self.name, self.size)

    @property
    def timed_load(self) -> dict[str, int]:
        return timed_load(self.name, self.size)

    @property
    def pads(self) -> bool:
        """Flags, where it has any, are always given."""
        return False

    def emitted(self, part: str = "flex") -> Variant:
        return super().emitted(part)

    def sdpa(self) -> Variant:
        return replace(self.emitted("sdpa"), name="sdpa")

    def reference(self) -> Variant:
        return self.sdpa()

    def peers(self) -> list[Callable[[], Variant]]:
        return [self.sdpa]

    def inputs(self, load: dict[str, int], *, padded: bool = True, seed: int = 1) -> Inputs:
        if self.name == BUNDLED:
            return INPUTS[self.name](self.sizes, load, seed, True, self.device)
        make = _grid if CASES[self.name].grid else _text
        found = make(self.sizes | load, seed)
        if self.name == "blind":
            found["valid"] = blinding(found["valid"])
        return placed_on(self.device, {name: found[name] for name in self.entry["inputs"]})

    def labels(self, inputs: Inputs, seed: int) -> tuple[Tensor, ...]:
        if self.name == BUNDLED:
            return super().labels(inputs, seed)
        return vectors([inputs["x"].flatten(1, -2).shape], seed, self.device)

    @property
    def loss(self) -> Loss:
        return mean_squares


def _text(sizes: dict[str, int], seed: int) -> Inputs:
    """Padded on the right, of documents one behind the other."""
    B, T = sizes["B"], sizes["T"]
    documents = torch.arange(T) * 5 // T + torch.arange(B)[:, None] % 3
    return {
        "x": normal(B, T, sizes["d"], seed=seed),
        "valid": right_padded(B, T),
        "documents": documents,
    }


def _grid(sizes: dict[str, int], seed: int) -> Inputs:
    """Images of which a third is hidden, here and there."""
    B, H, W = sizes["B"], sizes["H"], sizes["W"]
    hidden = normal(B, H, W, seed=-seed) < -0.43
    return {"x": normal(B, H, W, sizes["d"], seed=seed), "valid": ~hidden}


def blinding(valid: Tensor) -> Tensor:
    """Flags that leave some queries without a key: all of one sample, the first half of another."""
    valid = valid.clone()
    valid[0, : valid.shape[1] // 2] = False
    valid[1] = False
    return valid


def blind(model: Masked, inputs: Inputs) -> Tensor:
    """Queries of the case `blind` that see no key: [B, T]."""
    valid = inputs["valid"]
    at = torch.arange(valid.shape[1], device=valid.device)
    near = (at[:, None] - at).abs() < model.entry["sizes"]["win"]
    return ~(near & valid[:, None]).any(dim=-1)


def rehearse() -> None:
    """On a CPU, FlexAttention runs eagerly; its gradients are refused there, though they are right.

    They are those of the dense form, which materialises the scores.
    """
    from torch.nn.attention import flex_attention

    flex_attention._validate_device = lambda query, key, value: None
    warnings.filterwarnings("ignore", "flex_attention called without torch.compile")
