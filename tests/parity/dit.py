"""DiT from its paper (Peebles and Xie 2022, section 3 and figure 3, right): none is at hand.

Layer norms come from torch, without gain and bias; all else is written from the formulas. With
c = silu(e(t) + e(y)), a block has (b1, g1, a1, b2, g2, a2) = linear(c), and is
x + a1·attention(norm(x)·(1 + g1) + b1), then x + a2·mlp(norm(x)·(1 + g2) + b2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.parity.plain import Output
from tests.parity.reference import Reference, Tensors, renamed

PARTS = ("shift1", "scale1", "gate1", "shift2", "scale2", "gate2")
LAYERS = 3
MAPS = {"q": "attention.q", "k": "attention.k", "v": "attention.v", "out": "attention.out",
        "up": "mlp.up", "down": "mlp.down"}  # fmt: skip


def waves(number: Tensor, width: int) -> Tensor:
    """cos(p·r) of every rate r = 10000^(-j / (width / 2)), then all sines: [...] -> [..., width]."""
    rates = torch.exp(-math.log(10000) * torch.arange(width // 2) / (width // 2))
    angles = number[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def grid(H: int, W: int, d: int) -> Tensor:
    """The column in the first half of the features, the row in the other; of each, sines first."""
    place = torch.arange(H * W)
    row, column = place // W, place % W
    halves = [waves(axis, d // 2).roll(d // 4, -1) for axis in (column, row)]
    return torch.cat(halves, dim=-1)  # [H·W, d]


class Layer(nn.Module):
    def __init__(self, d: int, h: int, f: int) -> None:
        super().__init__()
        self.h = h
        self.regress = nn.Linear(d, 6 * d)
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))
        self.up, self.down = nn.Linear(d, f), nn.Linear(f, d)

    def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        b1, g1, a1, b2, g2, a2 = self.regress(c).unsqueeze(1).split(x.shape[-1], dim=-1)
        y, weights = self.attention(adapted(x, g1, b1))
        x = x + a1 * y
        y = self.down(F.gelu(self.up(adapted(x, g2, b2)), approximate="tanh"))
        return x + a2 * y, weights

    def attention(self, y: Tensor) -> tuple[Tensor, Tensor]:
        q, k, v = (each(y).unflatten(-1, (self.h, -1)) for each in (self.q, self.k, self.v))
        weights = (torch.einsum("bnhk,bmhk->bhnm", q, k) / q.shape[-1] ** 0.5).softmax(-1)
        return self.out(torch.einsum("bhnm,bmhk->bnhk", weights, v).flatten(2)), weights


def adapted(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


class DiT(nn.Module):
    def __init__(
        self, d: int, h: int, f: int, classes: int, C: int, H: int, W: int, p: int, freq: int
    ) -> None:
        super().__init__()
        self.p, self.C, self.places, self.freq = p, C, (H // p, W // p), freq
        self.patch = nn.Linear(C * p * p, d)
        self.first, self.second = nn.Linear(freq, d), nn.Linear(d, d)
        self.labels = nn.Embedding(classes + 1, d)
        self.layers = nn.ModuleList(Layer(d, h, f) for _ in range(LAYERS))
        self.regress, self.decode = nn.Linear(d, 2 * d), nn.Linear(d, p * p * 2 * C)

    def forward(self, latent: Tensor, timestep: Tensor, label: Tensor, output_attentions: bool):
        p, maps = self.p, list[Tensor]()
        t = self.second(F.silu(self.first(waves(timestep, self.freq))))
        c = F.silu(t + self.labels(label))
        tiles = latent.unfold(2, p, p).unfold(3, p, p)  # [B, C, H/p, W/p, p, p]
        x = self.patch(tiles.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2))
        x = x + grid(*self.places, x.shape[-1])
        for layer in self.layers:
            x, weights = layer(x, c)
            maps.append(weights)
        shift, scale = self.regress(c).unsqueeze(1).chunk(2, dim=-1)
        x = self.decode(adapted(x, scale, shift))  # [B, N, p·p·2C]
        x = x.unflatten(2, (p, p, 2 * self.C)).unflatten(1, self.places)
        image = torch.einsum("byxijc->byixjc", x)  # [B, H/p, p, W/p, p, 2C]
        return Output(image.flatten(3, 4).flatten(1, 2).flatten(1, 2), maps)


def dit_names(theirs: Tensors, C: int, p: int) -> dict[str, Tensor]:
    found = {
        "condition_embed.weight": theirs["labels.weight"],
        "image_patch.weight": theirs["patch.weight"].unflatten(1, (C, p, p)),
        "image_patch.bias": theirs["patch.bias"],
    }
    table = {
        "first": "condition_linear1",
        "second": "condition_linear2",
        "decode": "image_linear",
    }
    found |= regressed(theirs, "regress", "image_", ("shift", "scale"))
    for i in range(LAYERS):
        found |= regressed(theirs, f"layers.{i}.regress", f"image_blocks.{i}.", PARTS)
        table |= {f"layers.{i}.{name}": f"image_blocks.{i}.{ours}" for name, ours in MAPS.items()}
    return found | renamed(theirs, table)


def regressed(theirs: Tensors, name: str, ours: str, parts: tuple[str, ...]) -> dict[str, Tensor]:
    """The rows of one map as those of a map for each of its parts."""
    return {
        f"{ours}{part}.{attribute}": rows
        for attribute in ("weight", "bias")
        for part, rows in zip(parts, theirs[f"{name}.{attribute}"].chunk(len(parts)), strict=True)
    }


def dit() -> Reference:
    """DiT on latents of a grid that is no square, among them one without a class."""
    rng = torch.Generator().manual_seed(7)
    C, H, W, p = 3, 8, 12, 2
    latent = torch.randn(3, C, H, W, generator=rng)
    timestep, label = torch.tensor([0.0, 17.0, 999.0]), torch.tensor([4, 11, 0])
    sizes = {"d": 36, "h": 3, "f": 77, "classes": 11, "C": C, "H": H, "W": W, "p": p}
    return Reference(
        "dit-xl-2",
        {**sizes, "freq": 20, "L": LAYERS},
        lambda: DiT(**sizes, freq=20),
        lambda theirs: dit_names(theirs, C, p),
        lambda: {"latent": latent.clone(), "timestep": timestep.clone(), "label": label.clone()},
        dict,
        lambda output: output.attentions,
        ("patch.weight", "patch.bias"),
    )


DIT = dit()
