"""The implementations: the emitted file, transformers, a plain one by hand, and timm.

Each is a module that takes the spec's inputs by name and gives its outputs, with the layout of its
weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from gpu_cases import NUMERICS, SPEED, load_name
from gpu_encoders import ENCODERS
from gpu_inputs import INPUTS, Inputs, Loss, cross_entropy, mean_squares, vectors, word_or_class
from gpu_llama import LLAMA
from gpu_peers import PEERS, timm_vit
from gpu_plain import PLAIN
from gpu_weights import Layout, Weights, by_name, drawn
from torch import Tensor, nn

TRANSFORMERS = PEERS | LLAMA | ENCODERS
_WEIGHTS: dict[tuple[str, str, str], Weights] = {}  # of the last model: drawing them takes a while


@dataclass(frozen=True)
class Variant:
    """One implementation."""

    name: str
    module: nn.Module
    layout: Layout


@dataclass(frozen=True)
class Model:
    """A model of the manifest, at one size."""

    name: str
    size: str
    folder: Path
    entry: dict[str, Any]
    device: str

    @property
    def sizes(self) -> dict[str, int]:
        return self.entry["sizes"]

    @property
    def load(self) -> dict[str, int]:
        """Sizes of the inputs that numbers are compared with."""
        return NUMERICS[self.name][self.size]

    @property
    def timed_load(self) -> dict[str, int]:
        """Sizes of the inputs that are timed."""
        return SPEED[self.name][self.size]

    def flops(self, load: dict[str, int]) -> int:
        """Of one forward pass, as predicted: dense."""
        return self.entry["flops"][load_name(load)]

    def weights(self) -> Weights:
        """Random ones, the same for everybody."""
        key = (self.name, self.size, self.device)
        if key not in _WEIGHTS:
            _WEIGHTS.clear()
            _WEIGHTS[key] = drawn(self.entry["weights"], self.device)
        return _WEIGHTS[key]

    def file(self, part: str) -> ModuleType:
        """An emitted file as a module. It stands in sys.modules, where compilation looks."""
        path = self.folder / self.entry["files"][part]
        name = f"emitted_{path.stem}"
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        return sys.modules[name]

    def digest(self) -> str:
        """Of the emitted files as they are now: rows of other files are not of these."""
        parts = sorted(self.entry["files"].values())
        whole = b"\0".join((self.folder / part).read_bytes() for part in parts)
        return hashlib.sha256(whole).hexdigest()[:12]

    def emitted(self, part: str = "fast") -> Variant:
        module = self.file(part).build(self.device)
        return Variant("emitted", module, by_name(module, self.entry["weights"]))

    def transformers(self) -> Variant:
        with torch.device(self.device):
            module, layout = TRANSFORMERS[self.name](self.sizes)
        return Variant("transformers", module, layout)

    def reference(self) -> Variant:
        """What the others are held against."""
        return self.transformers()

    def plain(self) -> Variant:
        with torch.device(self.device):
            module = PLAIN[self.name](self.sizes)
        return Variant("plain", module, by_name(module, self.entry["weights"]))

    def peers(self) -> list[Callable[[], Variant]]:
        """How to make each of the others; timm need not be installed."""
        found = [self.transformers]
        if self.name in PLAIN:
            found.append(self.plain)
        if self.name == "vit-b16" and importlib.util.find_spec("timm"):
            found.append(self.timm)
        return found

    def timm(self) -> Variant:
        with torch.device(self.device):
            module, layout = timm_vit(self.sizes)
        return Variant("timm", module, layout)

    def inputs(self, load: dict[str, int], *, padded: bool = False, seed: int = 1) -> Inputs:
        """Random inputs on the device; `padded`: sources of several lengths, with their flags."""
        return INPUTS[self.name](self.sizes, load, seed, padded, self.device)

    @property
    def pads(self) -> bool:
        """Whether it takes flags of what is padding."""
        return self.name in ("transformer-base", "bert-base")

    def labels(self, inputs: Inputs, seed: int) -> tuple[Tensor, ...]:
        """What the outputs of these inputs are trained to be."""
        if self.name == "bert-base":
            (B, T), d = inputs["tokens"].shape, self.sizes["d"]
            return vectors([(B, T, d), (B, d)], seed, self.device)
        return word_or_class(self.sizes, inputs, seed, self.device)

    @property
    def loss(self) -> Loss:
        """Cross-entropy of words or classes; mean squares of a model that gives vectors."""
        return mean_squares if self.name == "bert-base" else cross_entropy
