"""IdeficsForVisionText2Text, reduced: Flamingo's gated attention to several pictures."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn
from transformers import IdeficsConfig, IdeficsForVisionText2Text
from transformers.models.idefics.configuration_idefics import IdeficsVisionConfig

from tests.parity.llava import MAPS, SEES
from tests.parity.reference import PAD, Reference, Tensors, renamed, tokens

SIGHT, GATED = "model.model.vision_model", "model.model.gated_cross_attn_layers"
WORDS = {
    "model.model.embed_tokens": "text_embed",
    "model.model.norm": "text_norm",
    "model.lm_head": "logits",
    f"{SIGHT}.embeddings.patch_embedding": "image_patch",
}


class Idefics(nn.Module):
    """Idefics, and what its attentions saw, in the order in which they ran."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.maps: list[Tensor] = []
        for module in model.modules():
            if type(module).__name__.endswith("Attention"):
                module.register_forward_hook(lambda _, __, out: self.maps.append(out[1]))

    def forward(
        self, tokens: Tensor, valid: Tensor, pixels: Tensor, seen: Tensor, output_attentions: bool
    ) -> SimpleNamespace:
        del output_attentions
        self.maps.clear()
        sight = self.model.model.vision_model(pixels.flatten(0, 1)).pooler_output
        self.maps.clear()
        places = torch.arange(tokens.shape[1]).expand_as(tokens)
        read = self.model(
            input_ids=tokens, attention_mask=valid.long(), pixel_values=pixels,
            image_attention_mask=seen.long(), position_ids=places,
        )  # fmt: skip
        pooled = sight.unflatten(0, pixels.shape[:2])
        maps = [_in_our_order(each, pixels.shape[1], seen) for each in self.maps]
        return SimpleNamespace(outputs=(read.logits, pooled), maps=maps)


def _in_our_order(weights: Tensor, images: int, seen: Tensor) -> Tensor:
    """Of pictures each by itself; of words to pictures, which have all class tokens first."""
    batch, text = seen.shape[:2]
    if len(weights) == batch * images and weights.shape[-2] != text:
        return weights.unflatten(0, (batch, images))
    if weights.shape[-1] == text:
        return weights
    each = (weights * seen.any(-1)[:, None, :, None]).unflatten(-1, (images, -1))
    return torch.cat([each[..., 0], each[..., 1:].flatten(-2)], dim=-1)


def make_idefics(
    C: int, H: int, p: int, e: int, k: int, m: int, d: int, h: int, f: int
) -> nn.Module:
    sight = IdeficsVisionConfig(
        embed_dim=e, image_size=H, intermediate_size=m, patch_size=p, num_hidden_layers=2,
        num_attention_heads=k, num_channels=C,
    )  # fmt: skip
    config = IdeficsConfig(
        vocab_size=101, hidden_size=d, intermediate_size=f, num_hidden_layers=3,
        num_attention_heads=h, freeze_text_layers=False, freeze_vision_layers=False,
        alpha_initializer="ones", vision_config=sight, attn_implementation="eager",
    )  # fmt: skip
    return Idefics(IdeficsForVisionText2Text(config))


def flamingo_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "image_cls": theirs[f"{SIGHT}.embeddings.class_embedding"],
        "image_pos": theirs[f"{SIGHT}.embeddings.position_embedding.weight"],
    }
    single = dict(WORDS)
    table = {f"{SIGHT}.pre_layrnorm": "image_norm", f"{SIGHT}.post_layernorm": "clip_norm"}
    for i in range(2):
        layer = f"{SIGHT}.encoder.layers.{i}"
        table |= {f"{layer}.{a}": f"image_blocks.{i}.{b}" for a, b in SEES.items()}
    for i in range(3):
        look, read = f"text_blocks.{i}.look", f"text_blocks.{i}.read"
        single |= {f"model.model.layers.{i}.{a}": f"{read}.{b}" for a, b in MAPS.items()}
        for a, b in MAPS.items():
            old = a.replace("self_attn", "cross_attn")
            single[f"{GATED}.{i}.{old}"] = f"{look}.{b.replace('attention', 'cross')}"
        for at, alpha in enumerate(("alpha_cross_attn", "alpha_dense"), start=1):
            found[f"{look}.gate{at}"] = theirs[f"{GATED}.{i}.{alpha}"][0]
    found |= {f"{ours}.weight": theirs[f"{name}.weight"] for name, ours in single.items()}
    return found | renamed(theirs, table)


def flamingo(batch: int, images: int, length: int, label: str = "", **sizes: int) -> Reference:
    """Flamingo of these sizes on padded texts, some of whose words see no picture."""
    rng = torch.Generator().manual_seed(2)
    side = sizes["H"]
    pixels = torch.randn(batch, images, sizes["C"], side, side, generator=rng)
    seen = torch.rand(batch, length, images, generator=rng) < 0.5
    seen[0, 0] = False
    valid = torch.arange(length) < length - 2 * torch.arange(batch)[:, None]
    ids = tokens(7, batch, length).where(valid, PAD)
    return Reference(
        "flamingo",
        {**sizes, "W": side, "K": 2, "L": 3, "V": 101},
        lambda: make_idefics(**sizes),
        flamingo_names,
        lambda: {
            "tokens": ids.clone(), "valid": valid.clone(), "pixels": pixels.clone(),
            "seen": seen.clone(),
        },
        dict,
        lambda output: output.maps,
        (
            "model.model.embed_tokens.weight",
            f"{SIGHT}.embeddings.class_embedding",
            f"{SIGHT}.embeddings.position_embedding.weight",
            f"{SIGHT}.embeddings.patch_embedding.weight",
        ),
        results=lambda output: output.outputs,
        label=label,
    )  # fmt: skip


FLAMINGO = flamingo(3, 2, 14, C=2, H=12, p=4, e=20, k=5, m=33, d=30, h=5, f=77)
SHAPES = (
    flamingo(1, 3, 7, C=3, H=6, p=3, e=12, k=2, m=20, d=16, h=2, f=21, label="of three pictures"),
)
