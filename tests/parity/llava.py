"""LlavaForConditionalGeneration, reduced: pictures read by CLIP and spliced into Llama's words."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from tests.parity.reference import Reference, Tensors, renamed, tokens

TOWER, TEXT = "model.model.vision_tower", "model.model.language_model"
WORDS = {
    f"{TEXT}.embed_tokens": "text_embed",
    f"{TEXT}.norm": "text_norm",
    "model.lm_head": "logits",
    f"{TOWER}.embeddings.patch_embedding": "image_patch",
}
MAPS = {
    "self_attn.q_proj": "attention.q",
    "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v",
    "self_attn.o_proj": "attention.out",
    "mlp.gate_proj": "mlp.gate",
    "mlp.up_proj": "mlp.up",
    "mlp.down_proj": "mlp.down",
    "input_layernorm": "norm1",
    "post_attention_layernorm": "norm2",
}
SEES = {
    "self_attn.q_proj": "attention.q",
    "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v",
    "self_attn.out_proj": "attention.out",
    "mlp.fc1": "mlp.up",
    "mlp.fc2": "mlp.down",
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
}
SLOT = 88


class Llava(nn.Module):
    """LLaVA, and beside it what CLIP gives by itself."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, pixels: Tensor, output_attentions: bool) -> SimpleNamespace:
        batch, images = pixels.shape[:2]
        flat, maps = pixels.flatten(0, 1), {"output_attentions": output_attentions}
        seen = self.model.model.vision_tower(flat, **maps)
        read = self.model(input_ids=tokens, pixel_values=flat, **maps)
        pooled = seen.pooler_output.unflatten(0, (batch, images))
        sights = [each.unflatten(0, (batch, images)) for each in seen.attentions]
        return SimpleNamespace(outputs=(read.logits, pooled), maps=[*sights, *read.attentions])


def make_llava(C: int, H: int, p: int, e: int, k: int, m: int, d: int, h: int, f: int) -> nn.Module:
    sight = CLIPVisionConfig(
        hidden_size=e, intermediate_size=m, num_hidden_layers=3, num_attention_heads=k,
        num_channels=C, image_size=H, patch_size=p, attention_dropout=0.0,
    )  # fmt: skip
    text = LlamaConfig(
        vocab_size=101, hidden_size=d, intermediate_size=f, num_hidden_layers=3,
        num_attention_heads=h, num_key_value_heads=h, max_position_embeddings=60,
        rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=sight, text_config=text, image_token_index=SLOT, vision_feature_layer=-2,
        attn_implementation="eager",
    )  # fmt: skip
    return Llava(LlavaForConditionalGeneration(config))


def llava_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "image_cls": theirs[f"{TOWER}.embeddings.class_embedding"],
        "image_pos": theirs[f"{TOWER}.embeddings.position_embedding.weight"],
    }
    single = dict(WORDS)
    table = {
        f"{TOWER}.pre_layrnorm": "image_norm",
        f"{TOWER}.post_layernorm": "clip_norm",
        "model.model.multi_modal_projector.linear_1": "words_linear1",
        "model.model.multi_modal_projector.linear_2": "words_linear2",
    }
    for i in range(3):
        single |= {f"{TEXT}.layers.{i}.{a}": f"text_blocks.{i}.{b}" for a, b in MAPS.items()}
        block = "image_see" if i == 2 else f"image_blocks.{i}"
        table |= {f"{TOWER}.encoder.layers.{i}.{a}": f"{block}.{b}" for a, b in SEES.items()}
    found |= {f"{ours}.weight": theirs[f"{name}.weight"] for name, ours in single.items()}
    return found | renamed(theirs, table)


def texts(batch: int, length: int, count: int) -> Tensor:
    """Words with as many slots as there are patches, in several places of each text."""
    found = tokens(7, batch, length) % SLOT
    rng = torch.Generator().manual_seed(8)
    for row in found:
        row[torch.randperm(length, generator=rng)[:count]] = SLOT
    return found


def llava(batch: int, images: int, length: int, label: str = "", **sizes: int) -> Reference:
    """LLaVA of these sizes on texts that have all patches of their pictures in them."""
    side, patches = sizes["H"], (sizes["H"] // sizes["p"]) ** 2
    rng = torch.Generator().manual_seed(2)
    pixels = torch.randn(batch, images, sizes["C"], side, side, generator=rng)
    ids = texts(batch, length, images * patches)
    return Reference(
        "llava-1.5-7b",
        {**sizes, "W": side, "K": 2, "L": 3, "V": 101, "slot": SLOT, "T": "1..60"},
        lambda: make_llava(**sizes),
        llava_names,
        lambda: {"tokens": ids.clone(), "pixels": pixels.clone()},
        dict,
        lambda output: output.maps,
        (
            f"{TEXT}.embed_tokens.weight",
            f"{TOWER}.embeddings.class_embedding",
            f"{TOWER}.embeddings.position_embedding.weight",
            f"{TOWER}.embeddings.patch_embedding.weight",
        ),
        results=lambda output: output.outputs,
        label=label,
    )


LLAVA = llava(3, 2, 31, C=2, H=12, p=4, e=20, k=5, m=33, d=30, h=5, f=77)
SHAPES = (llava(2, 1, 8, C=3, H=6, p=3, e=12, k=2, m=20, d=16, h=2, f=21, label="of one picture"),)
