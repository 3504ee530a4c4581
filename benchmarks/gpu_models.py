"""The implementations: the emitted file, transformers, a plain one by hand, and timm where it is.

Each is a module that takes the spec's inputs by name and gives logits, with the layout of its
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
from gpu_peers import TRANSFORMERS, timm_vit
from gpu_plain import PLAIN
from gpu_weights import Layout, Weights, by_name, drawn
from torch import Tensor, nn

Inputs = dict[str, Tensor]
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

    def plain(self) -> Variant:
        with torch.device(self.device):
            module = PLAIN[self.name](self.sizes)
        return Variant("plain", module, by_name(module, self.entry["weights"]))

    def peers(self) -> list[Callable[[], Variant]]:
        """How to make each of the others; timm has images only, and need not be installed."""
        found = [self.transformers, self.plain]
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


# ---- inputs


def _ids(count: int, *shape: int, seed: int) -> Tensor:
    """Never token 0, which is padding to some: its gradient would be dropped."""
    return torch.randint(1, count, shape, generator=torch.Generator().manual_seed(seed))


def _tokens(sizes: dict, load: dict, seed: int, padded: bool, device: str) -> Inputs:
    return {"tokens": _ids(sizes["V"], load["B"], load["T"], seed=seed).to(device)}


def _pixels(sizes: dict, load: dict, seed: int, padded: bool, device: str) -> Inputs:
    rng = torch.Generator().manual_seed(seed)
    shape = (load["B"], sizes["C"], sizes["H"], sizes["W"])
    return {"pixels": torch.randn(shape, generator=rng).to(device)}


def _sentences(sizes: dict, load: dict, seed: int, padded: bool, device: str) -> Inputs:
    B, S, T = load["B"], load["S"], load["T"]
    found = {
        "source": _ids(sizes["V"], B, S, seed=seed),
        "target": _ids(sizes["V"], B, T, seed=-seed),
    }
    if padded:
        lengths = S - torch.arange(B) * S // (2 * B)
        found["valid"] = torch.arange(S) < lengths[:, None]
    return {name: tensor.to(device) for name, tensor in found.items()}


INPUTS = {"gpt2": _tokens, "vit-b16": _pixels, "transformer-base": _sentences}
