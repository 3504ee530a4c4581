"""Random inputs of every model, what their outputs are trained to be, and the losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Inputs = dict[str, Tensor]
Sizes = dict[str, int]
Loss = Callable[[tuple[Tensor, ...], tuple[Tensor, ...]], Tensor]


def ids(count: int, *shape: int, seed: int) -> Tensor:
    """Never token 0, which is padding to some: its gradient would be dropped."""
    return torch.randint(1, count, shape, generator=torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def right_padded(rows: int, length: int) -> Tensor:
    """Flags of texts that are shorter and shorter, none of them by half: [B, T]."""
    lengths = length - torch.arange(rows) * length // (2 * rows)
    return torch.arange(length) < lengths[:, None]


def placed_on(device: str, inputs: Inputs) -> Inputs:
    return {name: tensor.to(device) for name, tensor in inputs.items()}


def _tokens(sizes: Sizes, load: Sizes, seed: int, padded: bool, device: str) -> Inputs:
    return {"tokens": ids(sizes["V"], load["B"], load["T"], seed=seed).to(device)}


def _pixels(sizes: Sizes, load: Sizes, seed: int, padded: bool, device: str) -> Inputs:
    shape = (load["B"], sizes["C"], sizes["H"], sizes["W"])
    return {"pixels": normal(*shape, seed=seed).to(device)}


def _sentences(sizes: Sizes, load: Sizes, seed: int, padded: bool, device: str) -> Inputs:
    B, S, T = load["B"], load["S"], load["T"]
    found = {
        "source": ids(sizes["V"], B, S, seed=seed),
        "target": ids(sizes["V"], B, T, seed=-seed),
    }
    if padded:
        found["valid"] = right_padded(B, S)
    return placed_on(device, found)


def _segments(sizes: Sizes, load: Sizes, seed: int, padded: bool, device: str) -> Inputs:
    """Texts of two segments, the second from the middle on."""
    B, T = load["B"], load["T"]
    segments = (torch.arange(T) >= T // 2).long().expand(B, T).contiguous()
    found = {"tokens": ids(sizes["V"], B, T, seed=seed), "segments": segments}
    if padded:
        found["valid"] = right_padded(B, T)
    return placed_on(device, found)


INPUTS = {
    "gpt2": _tokens, "llama-3-8b": _tokens, "vit-b16": _pixels, "swin-t": _pixels,
    "transformer-base": _sentences, "bert-base": _segments,
}  # fmt: skip


# ---- losses


def word_or_class(sizes: Sizes, inputs: Inputs, seed: int, device: str) -> tuple[Tensor]:
    """A random class for every image, a random token for every place."""
    given = inputs.get("tokens", inputs.get("target"))
    shape = (len(inputs["pixels"]),) if given is None else given.shape
    rng = torch.Generator().manual_seed(seed)
    classes = sizes["classes" if given is None else "V"]
    return (torch.randint(classes, tuple(shape), generator=rng).to(device),)


def vectors(shapes: Sequence[Sequence[int]], seed: int, device: str) -> tuple[Tensor, ...]:
    return tuple(normal(*shape, seed=seed).to(device) for shape in shapes)


def cross_entropy(outputs: tuple[Tensor, ...], labels: tuple[Tensor, ...]) -> Tensor:
    (logits,), (wanted,) = outputs, labels
    return F.cross_entropy(logits.float().flatten(0, -2), wanted.flatten())


def mean_squares(outputs: tuple[Tensor, ...], labels: tuple[Tensor, ...]) -> Tensor:
    pairs = zip(outputs, labels, strict=True)
    return torch.stack([F.mse_loss(out.float(), label) for out, label in pairs]).sum()
