"""The activations as steps: each works on every number alone, and has no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tfspec.layers.base import Layer
from tfspec.ops import pointwise as ops

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor


class Activation(Layer):
    """A function of every number alone: `[..., width] -> [..., width]`."""

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        return ops.Activation(self.step)(x)


class Relu(Activation):
    """max(x, 0) of every number: `[...] -> [...]` (Nair and Hinton 2010)."""

    step: ClassVar[str] = "relu"


class Gelu(Activation):
    """x·Φ(x), with the normal distribution's Φ: `[...] -> [...]` (Hendrycks and Gimpel 2016)."""

    step: ClassVar[str] = "gelu"


class GeluTanh(Activation):
    """gelu by its tanh formula: `[...] -> [...]` (Hendrycks and Gimpel 2016).

    x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))).
    """

    step: ClassVar[str] = "gelu_tanh"


class QuickGelu(Activation):
    """x·sigmoid(1.702·x): `[...] -> [...]` (Hendrycks and Gimpel 2016)."""

    step: ClassVar[str] = "quick_gelu"


class Silu(Activation):
    """x·sigmoid(x): `[...] -> [...]` (Elfwing et al. 2017; Ramachandran et al. 2017)."""

    step: ClassVar[str] = "silu"


class Relu2(Activation):
    """max(x, 0)²: `[...] -> [...]` (So et al. 2021)."""

    step: ClassVar[str] = "relu2"


class Tanh(Activation):
    """tanh(x) of every number: `[...] -> [...]` (LeCun et al. 1998)."""

    step: ClassVar[str] = "tanh"


class Sigmoid(Activation):
    """1 / (1 + exp(-x)): `[...] -> [...]` (Rumelhart et al. 1986)."""

    step: ClassVar[str] = "sigmoid"
