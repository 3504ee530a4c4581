"""PaLM from its paper (Chowdhery et al. 2022, section 2): no public implementation is at hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.parity.plain import Output
from tests.parity.reference import PAD, Reference, Tensors, tokens

MAPS = {"q": "attention.q", "k": "attention.k", "v": "attention.v", "out": "attention.out",
        "gate": "mlp.gate", "up": "mlp.up", "down": "mlp.down"}  # fmt: skip


class Layer(nn.Module):
    """x + mlp(norm(x)) + attention(norm(x)); all heads share one key and one value."""

    def __init__(self, d: int, h: int, head: int, f: int) -> None:
        super().__init__()
        self.h = h
        self.norm = nn.LayerNorm(d, bias=False)
        sizes = {"q": (d, h * head), "k": (d, head), "v": (d, head), "out": (h * head, d),
                 "gate": (d, f), "up": (d, f), "down": (f, d)}  # fmt: skip
        for name, (before, after) in sizes.items():
            self.add_module(name, nn.Linear(before, after, bias=False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.norm(x)
        q = turned(self.q(y).unflatten(-1, (self.h, -1)).transpose(1, 2))  # [B, h, T, k]
        k, v = turned(self.k(y)), self.v(y)  # [B, T, k]
        scores = torch.einsum("bhtk,bsk->bhts", q, k) * k.shape[-1] ** -0.5
        later = torch.ones(scores.shape[-2:]).triu(1).bool()
        weights = scores.masked_fill(later, -torch.inf).softmax(-1)
        mixed = torch.einsum("bhts,bsk->bthk", weights, v).flatten(2)
        mlp = self.down(F.silu(self.gate(y)) * self.up(y))
        return x + mlp + self.out(mixed), weights


def turned(x: Tensor) -> Tensor:
    """Pair m of the token at t, as a complex number, times exp(i t / 10000^(m / pairs)).

    Feature m and feature m + pairs are a pair (Su et al. 2021 pair neighbours: a permutation).
    """
    pairs = x.shape[-1] // 2
    angles = torch.arange(x.shape[-2])[:, None] / 10000 ** (torch.arange(pairs) / pairs)
    z = torch.complex(x[..., :pairs], x[..., pairs:]) * torch.polar(torch.ones(()), angles)
    return torch.cat([z.real, z.imag], dim=-1)


class Palm(nn.Module):
    def __init__(self, d: int, h: int, head: int, f: int, L: int, V: int) -> None:
        super().__init__()
        self.words = nn.Embedding(V, d)
        self.layers = nn.ModuleList(Layer(d, h, head, f) for _ in range(L))
        self.norm = nn.LayerNorm(d, bias=False)

    def forward(self, tokens: Tensor, output_attentions: bool) -> Output:
        x, maps = self.words(tokens), list[Tensor]()
        for layer in self.layers:
            x, seen = layer(x)
            maps.append(seen)
        x = self.norm(x)
        return Output(x @ self.words.weight.T / x.shape[-1] ** 0.5, maps)


def palm_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {name: theirs[name] for name in ("words.weight", "norm.weight")}
    for i in range(3):
        found[f"blocks.{i}.norm.weight"] = theirs[f"layers.{i}.norm.weight"]
        for name, ours in MAPS.items():
            found[f"blocks.{i}.{ours}.weight"] = theirs[f"layers.{i}.{name}.weight"]
    return found


PALM = Reference(
    "palm-540b",
    {"d": 30, "h": 5, "head_dim": 8, "f": 77, "L": 3, "V": 101, "T": "1..23"},
    lambda: Palm(d=30, h=5, head=8, f=77, L=3, V=101),
    palm_names,
    lambda: {"tokens": tokens(1, 3, 17) % PAD},
    lambda ours: ours,
    lambda output: output.attentions,
    ("words.weight",),
)
