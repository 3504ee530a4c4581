"""TimesformerForVideoClassification, reduced: attention by time and by space, divided."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn
from transformers import TimesformerConfig, TimesformerForVideoClassification

from tests.parity.reference import Reference, Tensors, renamed

EMBEDDINGS = "model.timesformer.embeddings"
MAPS = {
    "temporal_layernorm": "norm1",
    "temporal_attention.output.dense": "attention1.out",
    "temporal_dense": "linear",
    "layernorm_before": "norm2",
    "attention.output.dense": "attention2.out",
    "layernorm_after": "norm3",
    "intermediate.dense": "mlp.up",
    "output.dense": "mlp.down",
}


class Watched(nn.Module):
    """TimeSformer, and all weights of its attentions: those of time it does not give by itself."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.maps: list[Tensor] = []
        for name, module in model.named_modules():
            if name.endswith("attn_drop"):
                module.register_forward_hook(lambda _, __, out: self.maps.append(out))

    def forward(self, frames: Tensor, output_attentions: bool) -> SimpleNamespace:
        del output_attentions
        self.maps.clear()
        logits = self.model(frames).logits
        return SimpleNamespace(
            logits=logits, maps=[each.unflatten(0, (len(frames), -1)) for each in self.maps]
        )


def make_timesformer(d: int, h: int, f: int, C: int, T: int, H: int, p: int) -> nn.Module:
    config = TimesformerConfig(
        image_size=H, patch_size=p, num_channels=C, num_frames=T, hidden_size=d,
        num_hidden_layers=3, num_attention_heads=h, intermediate_size=f, num_labels=7,
    )  # fmt: skip
    return Watched(TimesformerForVideoClassification(config))


def timesformer_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "cls": theirs[f"{EMBEDDINGS}.cls_token"][0, 0],
        "pos1": theirs[f"{EMBEDDINGS}.position_embeddings"][0],
        "pos2": theirs[f"{EMBEDDINGS}.time_embeddings"][0],
    }
    table = {
        f"{EMBEDDINGS}.patch_embeddings.projection": "patch",
        "model.timesformer.layernorm": "norm",
        "model.classifier": "logits",
    }
    for i in range(3):
        layer, block = f"model.timesformer.encoder.layer.{i}", f"blocks.{i}"
        table |= {f"{layer}.{old}": f"{block}.{new}" for old, new in MAPS.items()}
        for at, name in enumerate(("temporal_attention", "attention"), start=1):
            for attribute in ("weight", "bias"):
                rows = theirs[f"{layer}.{name}.attention.qkv.{attribute}"].chunk(3)
                for role, part in zip("qkv", rows, strict=True):
                    found[f"{block}.attention{at}.{role}.{attribute}"] = part
    return found | renamed(theirs, table)


def timesformer(batch: int, label: str = "", **sizes: int) -> Reference:
    """TimeSformer of these sizes on a batch of clips."""
    rng = torch.Generator().manual_seed(2)
    side = sizes["H"]
    frames = torch.randn(batch, sizes["T"], sizes["C"], side, side, generator=rng)
    return Reference(
        "timesformer",
        {**sizes, "W": side, "L": 3, "classes": 7},
        lambda: make_timesformer(**sizes),
        timesformer_names,
        lambda: {"frames": frames.clone()},
        dict,
        lambda output: output.maps,
        tuple(
            f"{EMBEDDINGS}.{name}"
            for name in (
                "cls_token",
                "position_embeddings",
                "time_embeddings",
                "patch_embeddings.projection.weight",
                "patch_embeddings.projection.bias",
            )
        ),
        label=label,
    )


TIMESFORMER = timesformer(3, d=30, h=5, f=77, C=2, T=4, H=15, p=5)
SHAPES = (timesformer(1, d=12, h=2, f=20, C=3, T=3, H=8, p=4, label="of few patches"),)
