"""Dinov2Model, reduced, with patches that are masked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from tests.parity.reference import Reference, Tensors, renamed

PATCHES = "embeddings.patch_embeddings.projection"


def make_dinov2(d: int, h: int, f: int, C: int, H: int, p: int) -> nn.Module:
    return Dinov2Model(
        Dinov2Config(
            hidden_size=d, num_attention_heads=h, num_hidden_layers=3, mlp_ratio=f // d,
            image_size=H, patch_size=p, num_channels=C, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, attn_implementation="eager",
        )
    )  # fmt: skip


def dinov2_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "cls": theirs["embeddings.cls_token"][0, 0],
        "mask": theirs["embeddings.mask_token"][0],
        "pos": theirs["embeddings.position_embeddings"][0],
    }
    table = {PATCHES: "patch", "layernorm": "norm"}
    for i in range(3):
        layer, block = f"encoder.layer.{i}", f"blocks.{i}"
        for at in (1, 2):
            table[f"{layer}.norm{at}"] = f"{block}.norm{at}"
            found[f"{block}.layerscale{at}"] = theirs[f"{layer}.layer_scale{at}.lambda1"]
        table |= {f"{layer}.mlp.fc1": f"{block}.mlp.up", f"{layer}.mlp.fc2": f"{block}.mlp.down"}
        inner = f"{layer}.attention.attention"
        for role, own in (("q", "query"), ("k", "key"), ("v", "value")):
            table[f"{inner}.{own}"] = f"{block}.attention.{role}"
        table[f"{layer}.attention.output.dense"] = f"{block}.attention.out"
    return found | renamed(theirs, table)


def outputs(output: Any) -> tuple[Tensor, ...]:
    return output.last_hidden_state[:, 1:], output.pooler_output


def dinov2(batch: int, label: str = "", **sizes: int) -> Reference:
    """DINOv2 of these sizes on square images, a third of whose patches are masked."""
    rng = torch.Generator().manual_seed(2)
    side, grid = sizes["H"], sizes["H"] // sizes["p"]
    pixels = torch.randn(batch, sizes["C"], side, side, generator=rng)
    masked = torch.rand(batch, grid, grid, generator=rng) < 0.3
    return Reference(
        "dinov2-base",
        {**sizes, "W": side, "L": 3},
        lambda: make_dinov2(**sizes),
        dinov2_names,
        lambda: {"pixels": pixels.clone(), "masked": masked.clone()},
        lambda ours: {
            "pixel_values": ours["pixels"],
            "bool_masked_pos": ours["masked"].flatten(1),
        },
        lambda output: list(output.attentions),
        (
            "embeddings.cls_token",
            "embeddings.mask_token",
            "embeddings.position_embeddings",
            f"{PATCHES}.weight",
            f"{PATCHES}.bias",
        ),
        results=outputs,
        label=label,
    )


DINOV2 = dinov2(3, d=30, h=5, f=90, C=2, H=35, p=5)
SHAPES = (dinov2(2, d=12, h=3, f=12, C=3, H=12, p=4, label="of few patches"),)
