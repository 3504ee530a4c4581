"""ViLBERT from its paper (Lu et al. 2019, sections 2.1 and 2.2, figures 1 and 2): none is at hand.

Words and regions are streams x [B, T, d] and y [B, R, e]. With the usual attention
softmax(QKᵀ / √k)·V, by whose head each has its own maps, and norm(z + f(z)) around every step:
- a transformer layer is attention to the stream itself, then a perceptron (figure 2a);
- a co-attention layer takes each stream's queries, and keys and values of the other, both of the
  streams as they enter, then a perceptron for each (figure 2b);
- words go through some layers alone; then follow rounds of co-attention and one layer a stream.
A region is its features and the corners and area of its box, each by a map, added.
Layer norms come from torch; all else is written from the formulas.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.parity.plain import Output
from tests.parity.reference import Reference, Tensors, renamed
from tests.parity.words_and_regions import pairs

EARLY, ROUNDS = 2, 3
MAPS = ("q", "k", "v", "out")


class Attention(nn.Module):
    """Queries of one stream, keys and values of another, between which there are c features."""

    def __init__(self, d: int, source: int, c: int, h: int) -> None:
        super().__init__()
        self.h = h
        self.q, self.k, self.v = nn.Linear(d, c), nn.Linear(source, c), nn.Linear(source, c)
        self.out, self.norm = nn.Linear(c, d), nn.LayerNorm(d, eps=1e-12)

    def forward(self, x: Tensor, source: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        q, k, v = self.q(x), self.k(source), self.v(source)
        q, k, v = (each.unflatten(-1, (self.h, -1)) for each in (q, k, v))
        scores = torch.einsum("bnhk,bmhk->bhnm", q, k) / q.shape[-1] ** 0.5
        weights = scores.masked_fill(~valid[:, None, None], -torch.inf).softmax(-1)
        mixed = torch.einsum("bhnm,bmhk->bnhk", weights, v).flatten(2)
        return self.norm(x + self.out(mixed)), weights


class Perceptron(nn.Module):
    def __init__(self, d: int, f: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(d, f), nn.Linear(f, d)
        self.norm = nn.LayerNorm(d, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.down(F.gelu(self.up(x))))


class Layer(nn.Module):
    """One stream's own."""

    def __init__(self, d: int, h: int, f: int) -> None:
        super().__init__()
        self.attention, self.mlp = Attention(d, d, d, h), Perceptron(d, f)

    def forward(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        x, weights = self.attention(x, x, valid)
        return self.mlp(x), weights


class ViLBERT(nn.Module):
    def __init__(
        self, V: int, types: int, T: int, features: int, box: int, d: int, h: int, f: int, e: int,
        g: int, r: int, c: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.words, self.types = nn.Embedding(V, d), nn.Embedding(types, d)
        self.places, self.words_norm = nn.Embedding(T, d), nn.LayerNorm(d, eps=1e-12)
        self.features, self.boxes = nn.Linear(features, e), nn.Linear(box, e)
        self.regions_norm = nn.LayerNorm(e, eps=1e-12)
        self.early = nn.ModuleList(Layer(d, h, f) for _ in range(EARLY))
        self.asks = nn.ModuleList(Attention(d, e, c, g) for _ in range(ROUNDS))
        self.answers = nn.ModuleList(Attention(e, d, c, g) for _ in range(ROUNDS))
        self.asks_mlp = nn.ModuleList(Perceptron(d, f) for _ in range(ROUNDS))
        self.answers_mlp = nn.ModuleList(Perceptron(e, r) for _ in range(ROUNDS))
        self.reads = nn.ModuleList(Layer(d, h, f) for _ in range(ROUNDS))
        self.looks = nn.ModuleList(Layer(e, g, r) for _ in range(ROUNDS))
        self.language, self.vision = nn.Linear(d, c), nn.Linear(e, c)

    def forward(
        self, tokens: Tensor, segments: Tensor, words_valid: Tensor, regions: Tensor,
        boxes: Tensor, regions_valid: Tensor, output_attentions: bool,
    ) -> Output:  # fmt: skip
        x = self.words(tokens) + self.types(segments) + self.places.weight[: tokens.shape[1]]
        x, y = self.words_norm(x), self.regions_norm(self.features(regions) + self.boxes(boxes))
        maps = list[Tensor]()
        for layer in self.early:
            x, weights = layer(x, words_valid)
            maps.append(weights)
        for i in range(ROUNDS):
            asked, of_regions = self.asks[i](x, y, regions_valid)
            answered, of_words = self.answers[i](y, x, words_valid)
            x, y = self.asks_mlp[i](asked), self.answers_mlp[i](answered)
            y, looked = self.looks[i](y, regions_valid)
            x, read = self.reads[i](x, words_valid)
            maps += [of_regions, of_words, looked, read]
        heads = F.relu(self.language(x[:, 0])), F.relu(self.vision(y[:, 0]))
        return Output(heads, maps)


def attends(theirs: str, ours: str, norm: str) -> dict[str, str]:
    return {f"{theirs}.{name}": f"{ours}.{name}" for name in MAPS} | {f"{theirs}.norm": norm}


def feeds(theirs: str, ours: str, norm: str) -> dict[str, str]:
    return {f"{theirs}.{name}": f"{ours}.{name}" for name in ("up", "down")} | {
        f"{theirs}.norm": norm
    }


def layer(theirs: str, ours: str) -> dict[str, str]:
    own = attends(f"{theirs}.attention", f"{ours}.attention", f"{ours}.norm1")
    return own | feeds(f"{theirs}.mlp", f"{ours}.mlp", f"{ours}.norm2")


def names(theirs: Tensors) -> dict[str, Tensor]:
    table = {
        "words_norm": "text_norm",
        "features": "image_linear1",
        "boxes": "image_linear2",
        "regions_norm": "image_norm",
        "language": "language",
        "vision": "vision",
    }
    for i in range(EARLY):
        table |= layer(f"early.{i}", f"text_blocks.{i}")
    for i in range(ROUNDS):
        block = f"joint_blocks.{i}"
        for n, side in ((1, "asks"), (2, "answers")):
            swap = f"{block}.swap"
            table |= attends(f"{side}.{i}", f"{swap}.cross{n}", f"{swap}.norm{n}")
            table |= feeds(f"{side}_mlp.{i}", f"{swap}.mlp{n}", f"{swap}.norm{n + 2}")
        table |= layer(f"looks.{i}", f"{block}.look") | layer(f"reads.{i}", f"{block}.read")
    found = {
        "text_embed1.weight": theirs["words.weight"],
        "text_embed2.weight": theirs["types.weight"],
        "text_pos": theirs["places.weight"],
    }
    return found | renamed(theirs, table)


def seen(ours: dict[str, Tensor], n: int) -> Tensor:
    return ours["words_valid"] if n == 13 else ours["regions_valid"]


def vilbert(label: str = "", **changed: int) -> Reference:
    sizes = {"V": 101, "types": 2, "features": 19, "box": 5, "d": 30, "h": 5, "f": 77, "e": 28,
             "g": 4, "r": 33, "c": 20} | changed  # fmt: skip
    return Reference(
        "vilbert",
        {**sizes, "T": "1..23", "early": EARLY, "L": ROUNDS},
        lambda: ViLBERT(T=23, **sizes),
        names,
        lambda: pairs(box=5),
        dict,
        lambda output: output.attentions,
        ("words.weight", "types.weight", "places.weight"),
        seen=seen,
        results=lambda output: output.logits,
        label=label,
    )


VILBERT = vilbert()
SHAPES = (vilbert("of equal widths", e=30, g=5),)
