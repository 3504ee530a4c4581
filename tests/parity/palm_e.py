"""PaLM-E from its papers (Driess et al. 2023; ViT-22B: Dehghani et al. 2023, section 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.parity.llava import SLOT, texts
from tests.parity.palm import MAPS, Layer
from tests.parity.plain import Output
from tests.parity.reference import Reference, Tensors, renamed

SEES = {"out": "attention.out", "up": "mlp.up", "down": "mlp.down"}


class Gain(nn.Module):
    """A norm without centering and without bias: x / its root mean square, times a gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * self.weight


class See(nn.Module):
    """x + mlp(norm(x)) + attention(norm(x)), with a norm of every head's queries and keys."""

    def __init__(self, e: int, k: int, m: int) -> None:
        super().__init__()
        self.norm, self.k = Gain(e), k
        self.q_norm, self.k_norm = Gain(e // k), Gain(e // k)
        for name in "qkv":
            self.add_module(f"to_{name}", nn.Linear(e, e, bias=False))
        self.out, self.up, self.down = nn.Linear(e, e), nn.Linear(e, m), nn.Linear(m, e)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.norm(x)
        q, k, v = (getattr(self, f"to_{n}")(y).unflatten(-1, (self.k, -1)) for n in "qkv")
        q, k = self.q_norm(q), self.k_norm(k)
        scores = torch.einsum("...nhd,...mhd->...hnm", q, k) / q.shape[-1] ** 0.5
        weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
        mixed = torch.einsum("...hnm,...mhd->...nhd", weights, v).flatten(-2)
        return x + self.down(F.gelu(self.up(y))) + self.out(mixed), weights


class PalmE(nn.Module):
    def __init__(self, text: tuple[int, int, int, int], sight: tuple[int, int, int], C: int,
                 H: int, p: int) -> None:  # fmt: skip
        super().__init__()
        (d, h, head, f), (e, k, m) = text, sight
        self.p = p
        self.words, self.norm = nn.Embedding(101, d), nn.LayerNorm(d, bias=False)
        self.layers = nn.ModuleList(Layer(d, h, head, f) for _ in range(3))
        self.patch, self.into = nn.Linear(C * p * p, e), nn.Linear(e, d)
        self.places = nn.Parameter(torch.zeros((H // p) ** 2, e))
        self.sees, self.seen = nn.ModuleList(See(e, k, m) for _ in range(2)), Gain(e)

    def forward(self, tokens: Tensor, pixels: Tensor, output_attentions: bool) -> Output:
        tiles = pixels.unfold(3, self.p, self.p).unfold(4, self.p, self.p)
        y = self.patch(tiles.permute(0, 1, 3, 4, 2, 5, 6).flatten(4).flatten(2, 3)) + self.places
        maps = list[Tensor]()
        for see in self.sees:
            y, weights = see(y)
            maps.append(weights)
        new = self.into(self.seen(y)).flatten(1, 2)
        x = torch.stack([
            torch.stack([new[b, int((row[:t] == SLOT).sum())] if row[t] == SLOT
                         else self.words.weight[row[t]] for t in range(len(row))])
            for b, row in enumerate(tokens)
        ])  # fmt: skip
        for layer in self.layers:
            x, weights = layer(x)
            maps.append(weights)
        x = self.norm(x)
        return Output(x @ self.words.weight.T / x.shape[-1] ** 0.5, maps)


def seeing_names(theirs: Tensors, layers: int) -> dict[str, Tensor]:
    """The layers that see, by our names."""
    found: dict[str, Tensor] = {}
    for i in range(layers):
        see, block = f"sees.{i}", f"image_blocks.{i}"
        maps = {f"{see}.{name}": f"{block}.{ours}" for name, ours in SEES.items()}
        found |= renamed(theirs, maps)
        found[f"{block}.norm.weight"] = theirs[f"{see}.norm.weight"]
        for name in "qkv":
            found[f"{block}.attention.{name}.weight"] = theirs[f"{see}.to_{name}.weight"]
        for name in ("q_norm", "k_norm"):
            found[f"{block}.attention.{name}.weight"] = theirs[f"{see}.{name}.weight"]
    return found


def palm_e_names(theirs: Tensors, C: int, p: int) -> dict[str, Tensor]:
    found = {
        "words.weight": theirs["words.weight"],
        "text_norm.weight": theirs["norm.weight"],
        "image_norm.weight": theirs["seen.weight"],
        "image_pos": theirs["places"],
        "image_patch.weight": theirs["patch.weight"].unflatten(1, (C, p, p)),
        "image_patch.bias": theirs["patch.bias"],
    }
    table = {"into": "text_linear"}
    for i in range(3):
        found[f"text_blocks.{i}.norm.weight"] = theirs[f"layers.{i}.norm.weight"]
        for name, ours in MAPS.items():
            found[f"text_blocks.{i}.{ours}.weight"] = theirs[f"layers.{i}.{name}.weight"]
    return found | seeing_names(theirs, 2) | renamed(theirs, table)


def palm_e() -> Reference:
    """PaLM-E on two pictures a text, all of whose patches are somewhere in it."""
    rng = torch.Generator().manual_seed(2)
    pixels = torch.randn(3, 2, 2, 8, 8, generator=rng)
    ids = texts(3, 17, 8)
    sizes = {"d": 30, "h": 5, "head_dim": 8, "f": 77, "e": 20, "k": 5, "m": 33}
    return Reference(
        "palm-e-562b",
        {**sizes, "L": 3, "K": 2, "C": 2, "H": 8, "W": 8, "p": 4, "V": 101, "slot": SLOT},
        lambda: PalmE((30, 5, 8, 77), (20, 5, 33), C=2, H=8, p=4),
        lambda theirs: palm_e_names(theirs, C=2, p=4),
        lambda: {"tokens": ids.clone(), "pixels": pixels.clone()},
        dict,
        lambda output: output.attentions,
        ("words.weight", "patch.weight", "patch.bias", "places"),
    )


PALM_E = palm_e()
