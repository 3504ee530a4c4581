"""Exact tiles of a grid as tokens: the patch embedding of ViT (Dosovitskiy et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.graph.look import Look, between
from tfspec.graph.space import Space
from tfspec.graph.tensor import Tensor
from tfspec.ops.conv import Conv
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Patch(Conv):
    """A convolution whose stride is its size: [..., H, W, c] -> [..., H/p, W/p, width]."""

    @staticmethod
    def of(space: Space, sizes: tuple[Dim, ...], width: Dim, bias: bool) -> Patch:
        """Tiles of these sizes, without overlap or margin."""
        return Patch(space, sizes, sizes, (Dim.of(0),) * len(sizes), width, bias)

    def label(self) -> str:
        return "patch"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Patch embedding", "embed", ((*between(" × ", self.sizes), " patches"),))
