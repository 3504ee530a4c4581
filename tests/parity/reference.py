"""What a reference is: a reduced public model, its weights by our names, and what to feed both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Tensors = Mapping[str, Tensor]

SIZES = {"d": 30, "h": 5, "f": 77, "L": 3}
PAD = 100


def logits(output: Any) -> tuple[Tensor, ...]:
    return (output.logits,)


@dataclass(frozen=True, eq=False)
class Reference:
    """One public model: how to make it, what to feed it, and its tensors under our names.

    `names` is linear, so that it takes weights and gradients alike. `quiet` are their weights that,
    made small, leave norms a low variance. `seen(inputs, n)` is where a padded batch has tokens, of
    sources or of targets, whichever has `n` places. `results` are its outputs in our order, and
    `label` tells the references of one spec apart.
    """

    spec: str
    sets: dict[str, int | str]
    make: Callable[[], nn.Module]
    names: Callable[[Tensors], dict[str, Tensor]]
    ours: Callable[[], dict[str, Tensor]]
    theirs: Callable[[dict[str, Tensor]], dict[str, Tensor]]
    maps: Callable[[Any], list[Tensor]]
    quiet: tuple[str, ...]
    seen: Callable[[dict[str, Tensor], int], Tensor] | None = None
    results: Callable[[Any], tuple[Tensor, ...]] = logits
    label: str = ""

    def __str__(self) -> str:
        return f"{self.spec} {self.label}".strip()


def renamed(tensors: Tensors, table: Mapping[str, str]) -> dict[str, Tensor]:
    """`{old}.weight` and `{old}.bias` as `{new}.weight` and `{new}.bias`."""
    return {
        f"{new}.{attribute}": tensors[f"{old}.{attribute}"]
        for old, new in table.items()
        for attribute in ("weight", "bias")
    }


def tokens(seed: int, *shape: int) -> Tensor:
    return torch.randint(0, PAD, shape, generator=torch.Generator().manual_seed(seed))
