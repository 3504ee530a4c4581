"""ViT-22B from its paper (Dehghani et al. 2023, section 2); none is public.

Its pooling head, a learned probe that attends to all patches, is that of Zhai et al. 2022, section
3.2: y = attention(probe, x), then y + mlp(norm(y)).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.parity.palm_e import Gain, See, seeing_names
from tests.parity.plain import Output
from tests.parity.reference import Reference, Tensors, renamed

HEAD = "pooled_pool_by_attention"
POOLS = {"q": "cross.q", "k": "cross.k", "v": "cross.v", "out": "cross.out",
         "up": "mlp.up", "down": "mlp.down"}  # fmt: skip


class Pool(nn.Module):
    """One vector for all patches; every map has a bias."""

    def __init__(self, d: int, h: int, f: int) -> None:
        super().__init__()
        self.h, self.probe, self.norm = h, nn.Parameter(torch.zeros(d)), Gain(d)
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))
        self.up, self.down = nn.Linear(d, f), nn.Linear(f, d)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        q = self.q(self.probe).unflatten(-1, (self.h, -1))  # [h, k]
        k, v = (each(x).unflatten(-1, (self.h, -1)) for each in (self.k, self.v))
        weights = (torch.einsum("hd,bmhd->bhm", q, k) / q.shape[-1] ** 0.5).softmax(-1)
        y = self.out(torch.einsum("bhm,bmhd->bhd", weights, v).flatten(1))
        return y + self.down(F.gelu(self.up(self.norm(y)))), weights[:, :, None]


class ViT(nn.Module):
    def __init__(self, d: int, h: int, f: int, L: int, C: int, H: int, W: int, p: int) -> None:
        super().__init__()
        self.p, self.patch = p, nn.Linear(C * p * p, d)
        self.places = nn.Parameter(torch.zeros(H // p * (W // p), d))
        self.sees = nn.ModuleList(See(d, h, f) for _ in range(L))
        self.norm, self.pool = Gain(d), Pool(d, h, f)

    def forward(self, pixels: Tensor, output_attentions: bool) -> Output:
        tiles = pixels.unfold(2, self.p, self.p).unfold(3, self.p, self.p)
        x = self.patch(tiles.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)) + self.places
        maps = list[Tensor]()
        for see in self.sees:
            x, weights = see(x)
            maps.append(weights)
        x = self.norm(x)
        vector, weights = self.pool(x)
        return Output((x, vector), [*maps, weights])


def names(theirs: Tensors, L: int, C: int, p: int) -> dict[str, Tensor]:
    found = {
        "image_norm.weight": theirs["norm.weight"],
        "image_pos": theirs["places"],
        "image_patch.weight": theirs["patch.weight"].unflatten(1, (C, p, p)),
        "image_patch.bias": theirs["patch.bias"],
        "pooled_probe": theirs["pool.probe"][None],
        f"{HEAD}.norm.weight": theirs["pool.norm.weight"],
    }
    table = {f"pool.{name}": f"{HEAD}.{ours}" for name, ours in POOLS.items()}
    return found | seeing_names(theirs, L) | renamed(theirs, table)


def vit_22b() -> Reference:
    """ViT-22B on pictures that are no squares."""
    pixels = torch.randn(3, 2, 8, 12, generator=torch.Generator().manual_seed(3))
    sizes = {"d": 20, "h": 5, "f": 33, "L": 3, "C": 2, "H": 8, "W": 12, "p": 4}
    return Reference(
        "vit-22b",
        dict(sizes),
        lambda: ViT(**sizes),
        lambda theirs: names(theirs, L=3, C=2, p=4),
        lambda: {"pixels": pixels.clone()},
        dict,
        lambda output: output.attentions,
        ("patch.weight", "patch.bias", "places"),
        results=lambda output: output.logits,
    )


VIT_22B = vit_22b()
