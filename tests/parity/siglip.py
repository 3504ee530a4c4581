"""SiglipModel, reduced: two towers, and one learned token that attends to the patches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import SiglipConfig, SiglipModel

from tests.parity.clip import tower_table
from tests.parity.reference import Reference, Tensors, renamed

V, T = 41, 7
D, H, F, LAYERS = 18, 3, 42, 3
TOWERS = {"vision_model": "image", "text_model": "text"}


class Watched(SiglipModel):
    """The model, which also gives the map of the token that attends to the patches."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__(config)
        self.pooled: list[Tensor] = []
        attention = self.vision_model.head.attention
        attention.register_forward_pre_hook(self._asks, with_kwargs=True)
        attention.register_forward_hook(self._sees)

    def _asks(self, _: nn.Module, args: Any, kwargs: Any) -> Any:
        return args, kwargs | {"need_weights": True, "average_attn_weights": False}

    def _sees(self, _: nn.Module, args: Any, output: Any) -> None:
        self.pooled = [output[1]]

    def forward(self, **given: Any) -> Any:
        output = super().forward(**given)
        output.maps = [
            *output.vision_model_output.attentions,
            *self.pooled,
            *output.text_model_output.attentions,
        ]
        return output


def make_siglip() -> nn.Module:
    tower = {
        "hidden_size": D, "intermediate_size": F, "num_hidden_layers": LAYERS,
        "num_attention_heads": H,
    }  # fmt: skip
    text = tower | {
        "vocab_size": V, "max_position_embeddings": T, "projection_size": D,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    vision = tower | {"image_size": 12, "patch_size": 4, "num_channels": 2}
    config = SiglipConfig(text_config=text, vision_config=vision, attn_implementation="eager")
    return Watched(config)


def siglip_names(theirs: Tensors) -> dict[str, Tensor]:
    vision, text, probe = "vision_model.embeddings", "text_model.embeddings", "vision_model.head"
    found = {
        "image_pos": theirs[f"{vision}.position_embedding.weight"],
        "text_embed.weight": theirs[f"{text}.token_embedding.weight"],
        "text_pos": theirs[f"{text}.position_embedding.weight"],
        "image_vector_learn": theirs[f"{probe}.probe"][0, 0],
        "logits_scale": theirs["logit_scale"][0],
        "logits_bias": theirs["logit_bias"][0],
    }
    for attribute in ("weight", "bias"):  # of q, k and v one below the other
        rows = theirs[f"{probe}.attention.in_proj_{attribute}"].chunk(3)
        for role, row in zip("qkv", rows, strict=True):
            found[f"image_vector_probe.cross.{role}.{attribute}"] = row
    table = {
        f"{vision}.patch_embedding": "image_patch",
        "vision_model.post_layernorm": "image_norm",
        f"{probe}.attention.out_proj": "image_vector_probe.cross.out",
        f"{probe}.layernorm": "image_vector_probe.norm",
        f"{probe}.mlp.fc1": "image_vector_probe.mlp.up",
        f"{probe}.mlp.fc2": "image_vector_probe.mlp.down",
        "text_model.final_layer_norm": "text_norm",
        "text_model.head": "text_vector_linear",
    }
    for tower, ours in TOWERS.items():
        table |= tower_table(tower, ours, LAYERS)
    return found | renamed(theirs, table)


def pairs() -> dict[str, Tensor]:
    """Texts and as many images."""
    rng = torch.Generator().manual_seed(3)
    tokens = torch.randint(V, (4, T), generator=rng)
    return {"tokens": tokens, "pixels": torch.randn(4, 2, 12, 12, generator=rng)}


SIGLIP = Reference(
    "siglip-base",
    {"V": V, "T": T, "C": 2, "H": 12, "W": 12, "p": 4, "d": D, "h": H, "f": F, "L": LAYERS},
    make_siglip,
    siglip_names,
    pairs,
    lambda ours: {"input_ids": ours["tokens"], "pixel_values": ours["pixels"]},
    lambda output: output.maps,
    ("vision_model.embeddings.patch_embedding.weight", "vision_model.embeddings.patch_embedding.bias",
     "vision_model.embeddings.position_embedding.weight", "text_model.embeddings.token_embedding.weight",
     "text_model.embeddings.position_embedding.weight"),
    results=lambda output: (output.logits_per_text,),
)  # fmt: skip
