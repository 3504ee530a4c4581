"""What a reference is: a reduced public model, its weights by our names, and what to feed both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tfspec.api import Architecture, load
from tfspec.spec.load import load_text

Tensors = Mapping[str, Tensor]

SIZES = {"d": 30, "h": 5, "f": 77, "L": 3}
PAD = 100


def logits(output: Any) -> tuple[Tensor, ...]:
    return (output.logits,)


@dataclass(frozen=True, eq=False)
class Reference:
    """One public model: how to make it, what to feed it, and its tensors under our names.

    `changes` are texts of the spec and what stands in their places. `names` is linear, so that it takes weights and gradients alike. `quiet` are their weights that,
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
    changes: tuple[tuple[str, str], ...] = ()
    label: str = ""

    @property
    def architecture(self) -> Architecture:
        """The bundled spec at these sizes, some of its text replaced where there are changes."""
        return self.architecture_of(self.text) if self.changes else load(self.spec, self.sets)

    @property
    def text(self) -> str:
        """The spec, in which every change is made."""
        (text,) = load(self.spec).loaded.sources.values()
        for old, new in self.changes:
            assert old in text, f"{old!r} is not there:\n{text}"
            text = text.replace(old, new)
        return text

    def architecture_of(self, text: str) -> Architecture:
        """A spec at the sizes of this reference."""
        return Architecture(load_text(text), self.sets)

    def __str__(self) -> str:
        name = self.spec.rpartition("/")[2].removesuffix(".yaml")
        return f"{name} {self.label}".strip()


def renamed(tensors: Tensors, table: Mapping[str, str]) -> dict[str, Tensor]:
    """`{old}.weight` and `{old}.bias` as `{new}.weight` and `{new}.bias`."""
    return {
        f"{new}.{attribute}": tensors[f"{old}.{attribute}"]
        for old, new in table.items()
        for attribute in ("weight", "bias")
    }


def tokens(seed: int, *shape: int) -> Tensor:
    return torch.randint(0, PAD, shape, generator=torch.Generator().manual_seed(seed))
