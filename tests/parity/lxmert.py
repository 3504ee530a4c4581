"""LxmertModel, reduced, on padded words and regions, with the maps of both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LxmertConfig, LxmertModel
from transformers.models.lxmert.modeling_lxmert import LxmertAttention

from tests.parity.reference import SIZES, Reference, Tensors, renamed, tokens

LAYERS = 2
MAPS = {"query": "q", "key": "k", "value": "v"}


@dataclass
class Output:
    language: Tensor
    vision: Tensor
    pooled: Tensor
    attentions: list[Tensor]


class Recorded(LxmertModel):
    """With every attention's map, in the order in which they run; the public one leaves some out.

    Its tables give row 0 no gradient, as padding: ours learn it.
    """

    def __init__(self, config: LxmertConfig) -> None:
        super().__init__(config)
        self.seen: list[Tensor] = []
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                module.padding_idx = None
            if isinstance(module, LxmertAttention):
                module.register_forward_pre_hook(asked, with_kwargs=True)
                module.register_forward_hook(self.record)

    def record(self, module: nn.Module, given: Any, output: tuple[Tensor, Tensor]) -> None:
        self.seen.append(output[1])

    def forward(self, **given: Any) -> Output:
        self.seen.clear()
        found = super().forward(**given)
        pooled = found.pooled_output
        return Output(found.language_output, found.vision_output, pooled, [*self.seen])


def asked(module: nn.Module, given: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return given, named | {"output_attentions": True}


def make_lxmert(d: int, h: int) -> nn.Module:
    return Recorded(
        LxmertConfig(
            vocab_size=101, hidden_size=d, num_attention_heads=h, intermediate_size=77, l_layers=LAYERS,
            r_layers=LAYERS, x_layers=LAYERS, max_position_embeddings=23, visual_feat_dim=19,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
        )
    )  # fmt: skip


def attention(theirs: str, inner: str, ours: str, norm: str) -> dict[str, str]:
    table = {f"{theirs}.{inner}.{name}": f"{ours}.{role}" for name, role in MAPS.items()}
    return table | {f"{theirs}.output.dense": f"{ours}.out", f"{theirs}.output.LayerNorm": norm}


def feed(theirs: tuple[str, str], ours: str, norm: str) -> dict[str, str]:
    up, down = theirs
    return {
        f"{up}.dense": f"{ours}.up",
        f"{down}.dense": f"{ours}.down",
        f"{down}.LayerNorm": norm,
    }


def lxmert_names(theirs: Tensors) -> dict[str, Tensor]:
    words = "embeddings.{}_embeddings.weight"
    found = {
        "text_embed1.weight": theirs[words.format("word")],
        "text_embed2.weight": theirs[words.format("token_type")],
        "text_pos": theirs[words.format("position")],
    }
    table = {
        "embeddings.LayerNorm": "text_norm",
        "encoder.visn_fc.visn_fc": "image_linear1",
        "encoder.visn_fc.visn_layer_norm": "image_norm1",
        "encoder.visn_fc.box_fc": "image_linear2",
        "encoder.visn_fc.box_layer_norm": "image_norm2",
        "pooler.dense": "pooled",
    }
    for kind, count, stream in (("layer", LAYERS, "text"), ("r_layers", LAYERS, "image")):
        for i in range(count):
            layer, block = f"encoder.{kind}.{i}", f"{stream}_blocks.{i}"
            table |= attention(f"{layer}.attention", "self", f"{block}.attention", f"{block}.norm1")
            table |= feed(
                (f"{layer}.intermediate", f"{layer}.output"), f"{block}.mlp", f"{block}.norm2"
            )
    for i in range(LAYERS):
        layer, block = f"encoder.x_layers.{i}", f"joint_blocks.{i}"
        table |= attention(
            f"{layer}.visual_attention", "att", f"{block}.swap", f"{block}.swap_norm"
        )
        for n, side in ((1, "lang"), (2, "visn")):
            ours = f"{block}.attention{n}"
            table |= attention(f"{layer}.{side}_self_att", "self", ours, f"{block}.norm{n}")
            maps = (f"{layer}.{side}_inter", f"{layer}.{side}_output")
            table |= feed(maps, f"{block}.mlp{n}", f"{block}.norm{n + 2}")
    return found | renamed(theirs, table)


def inputs() -> dict[str, Tensor]:
    """Three pairs: words of 13, 9 and 4 tokens, and 11, 3 and 7 regions."""
    rng = torch.Generator().manual_seed(21)
    return {
        "tokens": tokens(22, 3, 13),
        "segments": (torch.arange(13) >= torch.tensor([[6], [2], [3]])).long(),
        "regions": torch.randn(3, 11, 19, generator=rng),
        "boxes": torch.rand(3, 11, 4, generator=rng),
        "words_valid": torch.arange(13) < torch.tensor([[13], [9], [4]]),
        "regions_valid": torch.arange(11) < torch.tensor([[11], [3], [7]]),
    }


def theirs(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        "input_ids": ours["tokens"],
        "token_type_ids": ours["segments"],
        "visual_feats": ours["regions"],
        "visual_pos": ours["boxes"],
        "attention_mask": ours["words_valid"].long(),
        "visual_attention_mask": ours["regions_valid"].long(),
    }


def seen(ours: dict[str, Tensor], n: int) -> Tensor:
    return ours["words_valid"] if n == 13 else ours["regions_valid"]


def lxmert(label: str = "", *, d: int, h: int) -> Reference:
    sizes = dict.fromkeys(("text_layers", "image_layers", "L"), LAYERS)
    return Reference(
        "lxmert",
        {**SIZES, **sizes, "d": d, "h": h, "V": 101, "T": "1..23", "features": 19},
        lambda: make_lxmert(d, h),
        lxmert_names,
        inputs,
        theirs,
        lambda output: output.attentions,
        tuple(
            f"embeddings.{name}_embeddings.weight" for name in ("word", "token_type", "position")
        ),
        seen=seen,
        results=lambda output: (output.language, output.vision, output.pooled),
        label=label,
    )


LXMERT = lxmert(d=30, h=5)
SHAPES = (lxmert("of two heads", d=12, h=2),)
