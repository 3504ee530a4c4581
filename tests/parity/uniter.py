"""UNITER from its paper (Chen et al. 2020, section 3.1): the embeddings of both modalities.

The encoder is transformers' BERT, as it is the authors'.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertEncoder, BertPooler

from tests.parity.bert import layer_names
from tests.parity.reference import SIZES, Reference, Tensors, renamed
from tests.parity.words_and_regions import pairs

EPS = 1e-12


@dataclass
class Output:
    hidden: Tensor
    pooled: Tensor
    attentions: list[Tensor]


class Words(nn.Module):
    """LN(word + position + type)."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.word, self.place = nn.Embedding(101, d), nn.Embedding(23, d)
        self.norm = nn.LayerNorm(d, eps=EPS)

    def forward(self, ids: Tensor, kinds: Tensor) -> Tensor:
        return self.norm(self.word(ids) + self.place.weight[: ids.shape[1]] + kinds)


class Regions(nn.Module):
    """LN(LN(FC(features)) + LN(FC(box)) + type); a masked region's features have a mark."""

    def __init__(self, d: int, features: int, box: int) -> None:
        super().__init__()
        self.mask = nn.Embedding(2, features)
        self.seen, self.where = nn.Linear(features, d), nn.Linear(box, d)
        self.seen_norm, self.where_norm, self.norm = (nn.LayerNorm(d, eps=EPS) for _ in range(3))

    def forward(self, regions: Tensor, boxes: Tensor, masked: Tensor, kinds: Tensor) -> Tensor:
        seen = self.seen_norm(self.seen(regions + self.mask(masked)))
        return self.norm(seen + self.where_norm(self.where(boxes)) + kinds)


class Uniter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        config = BertConfig(
            hidden_size=30, num_attention_heads=5, num_hidden_layers=3, intermediate_size=77,
            layer_norm_eps=EPS, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            attn_implementation="eager",
        )  # fmt: skip
        self.types = nn.Embedding(2, 30)
        self.words, self.regions = Words(30), Regions(30, 19, 7)
        self.encoder, self.pooler = BertEncoder(config), BertPooler(config)

    def forward(
        self, tokens: Tensor, segments: Tensor, regions: Tensor, boxes: Tensor, kinds: Tensor,
        masked: Tensor, valid: Tensor, output_attentions: bool,
    ) -> Output:  # fmt: skip
        words = self.words(tokens, self.types(segments))
        seen = self.regions(regions, boxes, masked, self.types(kinds))
        x, maps = torch.cat([words, seen], dim=1), list[Tensor]()
        hidden = torch.zeros(valid.shape).masked_fill(~valid, torch.finfo(x.dtype).min)
        for layer in self.encoder.layer:
            read, weights = layer.attention(x, hidden[:, None, None])
            maps.append(weights)
            x = layer.feed_forward_chunk(read)
        return Output(x, self.pooler(x), maps)


def uniter_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "text_embed.weight": theirs["words.word.weight"],
        "types.weight": theirs["types.weight"],
        "text_pos": theirs["words.place.weight"],
        "image_embed.weight": theirs["regions.mask.weight"],
    }
    table = {
        "words.norm": "text_norm",
        "regions.seen": "image_linear1",
        "regions.seen_norm": "image_norm1",
        "regions.where": "image_linear2",
        "regions.where_norm": "image_norm2",
        "regions.norm": "image_norm3",
        "pooler.dense": "pooled",
        **layer_names("joint_blocks"),
    }
    return found | renamed(theirs, table)


def inputs() -> dict[str, Tensor]:
    """Of the regions also their kinds, and which are masked."""
    rng = torch.Generator().manual_seed(10)
    return pairs(box=7) | {
        "kinds": (torch.arange(11) < torch.tensor([[11], [10], [8]])).long(),
        "masked": torch.randint(2, (3, 11), generator=rng),
    }


def theirs(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    kept = {name: tensor for name, tensor in ours.items() if not name.endswith("_valid")}
    return kept | {"valid": torch.cat([ours["words_valid"], ours["regions_valid"]], dim=1)}


UNITER = Reference(
    "uniter-base",
    {**SIZES, "V": 101, "T": "1..23", "features": 19},
    Uniter,
    uniter_names,
    inputs,
    theirs,
    lambda output: output.attentions,
    ("words.word.weight", "words.place.weight", "types.weight"),
    seen=lambda ours, n: torch.cat([ours["words_valid"], ours["regions_valid"]], dim=1),
    results=lambda output: (output.hidden, output.pooled),
)
