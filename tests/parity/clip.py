"""CLIPModel, reduced: two towers of different widths, and texts that end before their padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel

from tests.parity.reference import Reference, Tensors, renamed

V, T = 41, 11
END = V - 1
TOWERS = {"vision_model": "image", "text_model": "text"}


def make_clip() -> nn.Module:
    """`eos_token_id` 2 would ask for the largest id, as an old checkpoint does."""
    text = {
        "vocab_size": V, "hidden_size": 12, "intermediate_size": 36, "num_hidden_layers": 3,
        "num_attention_heads": 2, "max_position_embeddings": T,
        "eos_token_id": END, "bos_token_id": 1, "pad_token_id": 0,
    }  # fmt: skip
    vision = {
        "hidden_size": 18, "intermediate_size": 54, "num_hidden_layers": 3,
        "num_attention_heads": 3, "image_size": 12, "patch_size": 4, "num_channels": 2,
    }  # fmt: skip
    config = CLIPConfig(
        text_config=text, vision_config=vision, projection_dim=12, attn_implementation="eager"
    )
    return CLIPModel(config)


def tower_table(theirs: str, ours: str, layers: int = 3) -> dict[str, str]:
    """The layers of one tower by our names."""
    table: dict[str, str] = {}
    for i in range(layers):
        layer, block = f"{theirs}.encoder.layers.{i}", f"{ours}_blocks.{i}"
        table |= {f"{layer}.layer_norm{n}": f"{block}.norm{n}" for n in (1, 2)}
        table |= {f"{layer}.mlp.fc1": f"{block}.mlp.up", f"{layer}.mlp.fc2": f"{block}.mlp.down"}
        table |= {f"{layer}.self_attn.{r}_proj": f"{block}.attention.{r}" for r in "qkv"}
        table[f"{layer}.self_attn.out_proj"] = f"{block}.attention.out"
    return table


def clip_names(theirs: Tensors) -> dict[str, Tensor]:
    vision, text = "vision_model.embeddings", "text_model.embeddings"
    found = {
        "image_patch.weight": theirs[f"{vision}.patch_embedding.weight"],
        "image_cls": theirs[f"{vision}.class_embedding"],
        "image_pos": theirs[f"{vision}.position_embedding.weight"],
        "text_embed.weight": theirs[f"{text}.token_embedding.weight"],
        "text_pos": theirs[f"{text}.position_embedding.weight"],
        "image_vector_linear.weight": theirs["visual_projection.weight"],
        "text_vector_linear.weight": theirs["text_projection.weight"],
        "logits_scale": theirs["logit_scale"],
    }
    table = {
        "vision_model.pre_layrnorm": "image_norm",
        "vision_model.post_layernorm": "image_vector_norm",
        "text_model.final_layer_norm": "text_norm",
    }
    for tower, ours in TOWERS.items():
        table |= tower_table(tower, ours)
    return found | renamed(theirs, table)


def captions() -> dict[str, Tensor]:
    """Texts that end at once, in the middle and at the end, with one more end behind the first."""
    rng = torch.Generator().manual_seed(3)
    tokens = torch.randint(END, (4, T), generator=rng)
    for row, at in enumerate((0, 4, T - 1, 7)):
        tokens[row, at] = END
    tokens[1, 9] = END
    return {"tokens": tokens, "pixels": torch.randn(4, 2, 12, 12, generator=rng)}


def clip_maps(output: Any) -> list[Tensor]:
    return [*output.vision_model_output.attentions, *output.text_model_output.attentions]


CLIP = Reference(
    "clip-vit-b32",
    {"V": V, "C": 2, "H": 12, "W": 12, "p": 4, "d": 18, "e": 12, "head_dim": 6, "r": 3, "L": 3,
     "T": f"1..{T}"},
    make_clip,
    clip_names,
    captions,
    lambda ours: {"input_ids": ours["tokens"], "pixel_values": ours["pixels"]},
    clip_maps,
    ("vision_model.embeddings.class_embedding", "vision_model.embeddings.position_embedding.weight",
     "vision_model.embeddings.patch_embedding.weight", "text_model.embeddings.token_embedding.weight",
     "text_model.embeddings.position_embedding.weight"),
    results=lambda output: (output.logits_per_text,),
)  # fmt: skip
