"""DALL-E's transformer from its paper (Ramesh et al. 2021, appendix B): none is public."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.parity.plain import Block, Output, block_names
from tests.parity.reference import Reference, Tensors, renamed

T, H, W, R = 6, 5, 4, 1
LAST = ("both_row1", "both_column", "both_row2", "both_convolution")


def sees(kind: str, query: int, key: int) -> bool:
    """Whether a place of the text and the image behind it sees another (figure 11).

    A row: the W places before, up to the one above. A convolution: (2R + 1)² places around, of
    which those that come before, where a row goes on into the next one.
    """
    if key < T or key > query:
        return key <= query
    back, column = query - key, (query - key) % W == 0
    around = {down * W + across for down in range(R + 1) for across in range(-R, R + 1)}
    return {"row": back <= W, "column": column, "convolution": back in around}[kind]


class DallE(nn.Module):
    """Of layers 1, 2, ... those with (i - 2) mod 4 = 0 see columns, the last a convolution."""

    def __init__(self, d: int, h: int, f: int, layers: int, V: int, codes: int) -> None:
        super().__init__()
        self.words, self.codes = nn.Embedding(V + T, d), nn.Embedding(codes, d)
        self.place, self.row, self.column = (nn.Embedding(n, d) for n in (T, H, W))
        self.layers = nn.ModuleList(Block(d, h, f) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, V + T + codes)

    def kind(self, layer: int) -> str:
        if layer == len(self.layers):
            return "convolution"
        return "column" if (layer - 2) % 4 == 0 else "row"

    def forward(self, tokens: Tensor, image: Tensor, output_attentions: bool) -> Output:
        grid = self.codes(image) + self.row.weight[:, None] + self.column.weight
        x = torch.cat([self.words(tokens) + self.place.weight, grid.flatten(1, 2)], dim=1)
        every, maps = range(x.shape[1]), list[Tensor]()
        for at, layer in enumerate(self.layers, start=1):
            seen = torch.tensor([[[sees(self.kind(at), q, k) for k in every] for q in every]])
            x, weights = layer(x, torch.arange(len(every))[None], seen)
            maps.append(weights[:, 0])
        return Output(self.head(self.norm(x)), maps)


def dalle_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "text_embed.weight": theirs["words.weight"],
        "grid_embed.weight": theirs["codes.weight"],
        "text_pos": theirs["place.weight"],
        "grid_pos1": theirs["row.weight"],
        "grid_pos2": theirs["column.weight"],
    }
    for at, ours in enumerate([*(f"both_blocks.{i}" for i in range(4)), *LAST]):
        found |= block_names(theirs, f"layers.{at}", ours)
    return found | renamed(theirs, {"norm": "both_norm", "head": "logits"})


def words_and_codes() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(4)
    return {
        "tokens": torch.randint(11 + T, (2, T), generator=rng),
        "image": torch.randint(13, (2, H, W), generator=rng),
    }


DALLE = Reference(
    "dall-e",
    {"T": T, "H": H, "W": W, "r": R, "V": 11, "codes": 13, "d": 30, "h": 5, "f": 77, "L": 4},
    lambda: DallE(d=30, h=5, f=77, layers=8, V=11, codes=13),
    dalle_names,
    words_and_codes,
    lambda ours: ours,
    lambda output: output.attentions,
    tuple(f"{name}.weight" for name in ("words", "codes", "place", "row", "column")),
)
