"""ViTForImageClassification, reduced, at several image and patch sizes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTForImageClassification

from tests.parity.reference import SIZES, Reference, Tensors, renamed


def make_vit(d: int, h: int, f: int, C: int, H: int, W: int, p: int) -> nn.Module:
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=d, num_attention_heads=h, num_hidden_layers=3, intermediate_size=f,
            image_size=(H, W), patch_size=p, num_channels=C, num_labels=7, layer_norm_eps=1e-6,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
        )
    )  # fmt: skip


def layer_table(layers: str) -> dict[str, str]:
    """The three layers of a ViT by our names."""
    table: dict[str, str] = {}
    for i in range(3):
        layer, block = f"{layers}.{i}", f"blocks.{i}"
        table |= {
            f"{layer}.layernorm_before": f"{block}.norm1",
            f"{layer}.layernorm_after": f"{block}.norm2",
            f"{layer}.mlp.fc1": f"{block}.mlp.up",
            f"{layer}.mlp.fc2": f"{block}.mlp.down",
            f"{layer}.attention.o_proj": f"{block}.attention.out",
        }
        table |= {f"{layer}.attention.{role}_proj": f"{block}.attention.{role}" for role in "qkv"}
    return table


def vit_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "cls": theirs["vit.embeddings.cls_token"][0, 0],
        "pos": theirs["vit.embeddings.position_embeddings"][0],
    }
    table = {
        "vit.embeddings.patch_embeddings.projection": "patch",
        "vit.layernorm": "norm",
        "classifier": "logits",
    }
    return found | renamed(theirs, table | layer_table("vit.layers"))


def vit(batch: int, label: str = "", **sizes: int) -> Reference:
    """ViT of these sizes on a batch of images."""
    rng = torch.Generator().manual_seed(2)
    pixels = torch.randn(batch, sizes["C"], sizes["H"], sizes["W"], generator=rng)
    return Reference(
        "vit-b16",
        {**SIZES, **sizes, "classes": 7},
        lambda: make_vit(**sizes),
        vit_names,
        lambda: {"pixels": pixels.clone()},
        lambda ours: {"pixel_values": ours["pixels"]},
        lambda output: list(output.attentions),
        tuple(
            f"vit.embeddings.{name}"
            for name in (
                "cls_token",
                "position_embeddings",
                "patch_embeddings.projection.weight",
                "patch_embeddings.projection.bias",
            )
        ),
        label=label,
    )


VIT = vit(3, d=30, h=5, f=77, C=2, H=35, W=20, p=5)
SHAPES = (
    vit(2, d=28, h=2, f=33, C=3, H=21, W=49, p=7, label="of a wide image"),
    vit(1, d=18, h=6, f=72, C=1, H=9, W=6, p=3, label="of few patches"),
)
