"""What the references that are written here share: a usual block, attention within groups."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.parity.reference import Tensors, renamed

MAPS = ("q", "k", "v", "out", "up", "down")


@dataclass
class Output:
    logits: Tensor | tuple[Tensor, ...]
    attentions: list[Tensor]


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), with biases and gelu."""

    def __init__(self, d: int, h: int, f: int) -> None:
        super().__init__()
        self.h = h
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))
        self.up, self.down = nn.Linear(d, f), nn.Linear(f, d)

    def forward(
        self, x: Tensor, groups: Tensor, seen: Tensor, bias: Tensor | float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """x [B, N, d]; tokens [G, n] of each group see each other where `seen` [G, n, n] is true.

        Gives also the map [B, G, h, n, n]. `bias` [h, n, n] is added to the scores.
        """
        y = self.norm1(x)[:, groups]
        q, k, v = (each(y).unflatten(-1, (self.h, -1)) for each in (self.q, self.k, self.v))
        scores = torch.einsum("bgqhk,bgmhk->bghqm", q, k) / q.shape[-1] ** 0.5 + bias
        weights = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1)
        mixed = torch.einsum("bghqm,bgmhk->bgqhk", weights, v).flatten(3)
        back = groups.flatten().argsort()
        x = x + self.out(mixed).flatten(1, 2)[:, back]
        return x + self.down(F.gelu(self.up(self.norm2(x)))), weights


def block_names(theirs: Tensors, block: str, ours: str) -> dict[str, Tensor]:
    """The weights of a Block by our names."""
    table = {f"{block}.{norm}": f"{ours}.{norm}" for norm in ("norm1", "norm2")}
    for name in MAPS:
        module = "mlp" if name in ("up", "down") else "attention"
        table[f"{block}.{name}"] = f"{ours}.{module}.{name}"
    return renamed(theirs, table)
