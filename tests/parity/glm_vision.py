"""Glm4vVisionModel, reduced: pairs of frames, axial rotary positions, and tokens merged behind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.models.glm4v.configuration_glm4v import Glm4vVisionConfig
from transformers.models.glm4v.modeling_glm4v import Glm4vVisionModel, eager_attention_forward

from tests.parity.reference import Reference, Tensors, renamed

LAYERS = 3


def watched_attention(module: Any, *given: Any, **settings: Any) -> tuple[Tensor, Tensor]:
    """Eager attention, which leaves its weights [1, h, N, N] with the module."""
    output, weights = eager_attention_forward(module, *given, **settings)
    module.seen.append(weights)
    return output, weights


AttentionInterface.register("watched", watched_attention)


class Images(nn.Module):
    """The model, fed with whole pairs of frames [B, 2, C, H, W].

    It takes patches as rows, the m × m of one merged token together, and calls the attention once
    for each image; its maps are put in the order of rows and columns.
    """

    def __init__(self, config: Glm4vVisionConfig) -> None:
        super().__init__()
        self.model, self.p, self.m = Glm4vVisionModel(config), config.patch_size, 2

    def forward(self, frames: Tensor, output_attentions: bool) -> SimpleNamespace:
        del output_attentions
        B, _, _, H, W = frames.shape
        h, w = H // self.p, W // self.p
        for block in self.model.blocks:
            block.attn.seen = []
        of_images = torch.tensor([[1, h, w]] * B)
        found = self.model(self.rows(frames), of_images)
        order = self.order(h, w)
        seen = [torch.cat(block.attn.seen) for block in self.model.blocks]
        return SimpleNamespace(
            hidden=found.last_hidden_state.unflatten(0, (B, -1)),
            merged=found.pooler_output.unflatten(0, (B, -1)),
            maps=[weights[:, :, order][..., order] for weights in seen],
        )

    def rows(self, frames: Tensor) -> Tensor:
        """Patches [B·N, C·2·p·p]."""
        x = frames.unflatten(4, (-1, self.m, self.p)).unflatten(3, (-1, self.m, self.p))
        return x.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).flatten(0, 4).flatten(1)

    def order(self, h: int, w: int) -> Tensor:
        """Where each patch, row by row, stands among theirs."""
        ids = torch.arange(h * w).view(h // self.m, w // self.m, self.m, self.m)
        return ids.transpose(1, 2).flatten()


def make_glm(d: int, h: int, f: int, C: int, H: int, p: int, out: int, g: int) -> nn.Module:
    config = Glm4vVisionConfig(
        depth=LAYERS, hidden_size=d, num_heads=h, in_channels=C, image_size=H, patch_size=p,
        out_hidden_size=out, intermediate_size=g, attn_implementation="watched",
    )  # fmt: skip
    assert f == out, "the layers' feed-forward is as wide as the output"
    return Images(config)


def by_axis(rows: Tensor, heads: int) -> Tensor:
    """Their pairs are (j, j + k/2), first those of H; ours are (j, j + k/4) of each axis's half."""
    return rows.unflatten(0, (heads, 2, 2, -1)).transpose(1, 2).reshape(rows.shape)


def glm_names(theirs: Tensors, heads: int) -> dict[str, Tensor]:
    theirs = {name.removeprefix("model."): tensor for name, tensor in theirs.items()}
    found = {"pos": theirs["embeddings.position_embedding.weight"]}
    table = {
        "post_conv_layernorm": "norm1",
        "post_layernorm": "norm2",
        "merger.proj": "merged",
        "merger.gate_proj": "merged_mlp.gate",
        "merger.up_proj": "merged_mlp.up",
        "merger.down_proj": "merged_mlp.down",
    }
    for block in (f"blocks.{i}" for i in range(LAYERS)):
        q, k, v = theirs[f"{block}.attn.qkv.weight"].chunk(3)
        found[f"{block}.attention.q.weight"] = by_axis(q, heads)
        found[f"{block}.attention.k.weight"] = by_axis(k, heads)
        found[f"{block}.attention.v.weight"] = v
        table |= {f"{block}.{name}": f"{block}.{name}" for name in ("norm1", "norm2")}
        table[f"{block}.attn.proj"] = f"{block}.attention.out"
        for role in ("gate", "up", "down"):
            table[f"{block}.mlp.{role}_proj"] = f"{block}.mlp.{role}"
    found |= {f"{new}.weight": theirs[f"{old}.weight"] for old, new in table.items()}
    biased = {
        "patch_embed.proj": "patch1",
        "downsample": "patch2",
        "merger.post_projection_norm": "merged_norm",
    }
    return found | renamed(theirs, biased)


def glm(batch: int, label: str = "", **sizes: int) -> Reference:
    """The tower at these sizes on square images of its own resolution."""
    rng = torch.Generator().manual_seed(2)
    side = sizes["H"]
    frames = torch.randn(batch, 2, sizes["C"], side, side, generator=rng)
    return Reference(
        "glm-4v-vision",
        {**sizes, "W": side, "L": LAYERS},
        lambda: make_glm(**sizes),
        lambda theirs: glm_names(theirs, sizes["h"]),
        lambda: {"frames": frames.clone()},
        dict,
        lambda output: output.maps,
        ("model.patch_embed.proj.weight", "model.patch_embed.proj.bias",
         "model.embeddings.position_embedding.weight"),
        results=lambda output: (output.hidden, output.merged),
        label=label,
    )  # fmt: skip


GLM = glm(3, d=40, h=5, f=30, C=2, H=24, p=4, out=30, g=44)
SHAPES = (glm(2, "of few patches", d=16, h=2, f=18, C=3, H=12, p=3, out=18, g=20),)
