"""SwinForImageClassification, reduced: windows of 3, and a last stage that one window covers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import SwinConfig, SwinForImageClassification

from tests.parity.reference import Reference, Tensors, renamed

DEPTHS, WINDOW = (2, 2, 4, 2), 3


def make_swin(d: int, head_dim: int, r: int, C: int, p: int, H: int, W: int) -> nn.Module:
    """The public model; it tells the maps of all layers, not only of the last of each stage."""
    model = SwinForImageClassification(
        SwinConfig(
            image_size=(H, W), patch_size=p, num_channels=C, embed_dim=d, depths=list(DEPTHS),
            num_heads=[d * 2**stage // head_dim for stage in range(4)], window_size=WINDOW,
            mlp_ratio=float(r), num_labels=7, drop_path_rate=0.0, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, attn_implementation="eager",
        )
    )  # fmt: skip
    seen: list[Tensor] = []

    def told(module: nn.Module, given: object, output: Any) -> Any:
        output["attentions"] = tuple(seen)
        seen.clear()
        return output

    for stage in model.swin.encoder.layers:
        for block in stage.blocks:
            block.attention.register_forward_hook(lambda _, __, output: seen.append(output[1]))
    model.register_forward_hook(told)
    return model


def swin_names(theirs: Tensors) -> dict[str, Tensor]:
    table = {
        "swin.embeddings.patch_embeddings.projection": "patch",
        "swin.embeddings.norm": "norm1",
        "swin.layernorm": "norm5",
        "classifier": "logits",
    }
    found: dict[str, Tensor] = {}
    for stage, depth in enumerate(DEPTHS, start=1):
        for i in range(depth):
            layer, block = f"swin.encoder.layers.{stage - 1}.blocks.{i}", f"blocks{stage}.{i}"
            table |= layer_table(layer, block)
            bias = theirs[f"{layer}.attention.relative_position_bias.relative_position_bias_table"]
            side = 2 * WINDOW - 1
            found[f"{block}.attention.rel_bias"] = bias.T.reshape(-1, side, side)
        if stage < len(DEPTHS):
            merge = f"swin.encoder.layers.{stage - 1}.downsample"
            table[f"{merge}.norm"] = f"norm{stage + 1}"
            found[f"linear{stage}.weight"] = theirs[f"{merge}.reduction.weight"]
    return found | renamed(theirs, table)


def layer_table(layer: str, block: str) -> dict[str, str]:
    maps = {f"{layer}.attention.{role}_proj": f"{block}.attention.{role}" for role in "qkv"}
    return maps | {
        f"{layer}.layernorm_before": f"{block}.norm1",
        f"{layer}.layernorm_after": f"{block}.norm2",
        f"{layer}.mlp.fc1": f"{block}.mlp.up",
        f"{layer}.mlp.fc2": f"{block}.mlp.down",
        f"{layer}.attention.o_proj": f"{block}.attention.out",
    }


def swin(batch: int, label: str = "", **sizes: int) -> Reference:
    """Swin of these sizes on a batch of images."""
    rng = torch.Generator().manual_seed(2)
    pixels = torch.randn(batch, sizes["C"], sizes["H"], sizes["W"], generator=rng)
    depths = {f"L{stage}": depth for stage, depth in enumerate(DEPTHS, start=1)}
    return Reference(
        "swin-t",
        {**sizes, **depths, "win": WINDOW, "classes": 7},
        lambda: make_swin(**sizes),
        swin_names,
        lambda: {"pixels": pixels.clone()},
        lambda ours: {"pixel_values": ours["pixels"]},
        lambda output: [each.unflatten(0, (batch, -1)) for each in output.attentions],
        tuple(
            f"swin.embeddings.patch_embeddings.projection.{attribute}"
            for attribute in ("weight", "bias")
        ),
        label=label,
    )


SWIN = swin(3, d=6, head_dim=3, r=2, C=2, p=2, H=48, W=48)
SHAPES = (
    swin(1, d=5, head_dim=5, r=3, C=1, p=1, H=48, W=72, label="of a wide image, all shifted"),
)
