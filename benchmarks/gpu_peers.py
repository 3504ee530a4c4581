"""GPT-2, ViT and Marian of transformers, ViT of timm: their inputs, and where weights lie."""

from __future__ import annotations

from typing import Any

import torch
from gpu_weights import Layout, Slot, both, qkv
from torch import Tensor, nn

Sizes = dict[str, int]
Table = dict[str, str | tuple[str, ...]]

# ---- transformers


class Adapted(nn.Module):
    """A model of transformers that takes the spec's inputs and gives its outputs.

    `names` are its names of the inputs, `fixed` are keywords of every call, and it gives what it
    calls `gives`.
    """

    def __init__(
        self, model: nn.Module, names: dict[str, str], gives: tuple[str, ...] = ("logits",),
        **fixed: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.model, self.names, self.gives, self.fixed = model, names, gives, fixed

    def forward(self, **inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        given = {self.names[name]: tensor for name, tensor in inputs.items()}
        found = self.model(**given, **self.fixed)
        outputs = tuple(getattr(found, name) for name in self.gives)
        return outputs if len(outputs) > 1 else outputs[0]


def gpt2(sizes: Sizes) -> tuple[nn.Module, Layout]:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        n_embd=sizes["d"], n_head=sizes["h"], n_layer=sizes["L"], n_inner=sizes["f"],
        vocab_size=sizes["V"], n_positions=sizes["T"], resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
        bos_token_id=0, eos_token_id=0, use_cache=False, attn_implementation="sdpa",
    )  # fmt: skip
    top = "model.transformer"
    slots = [Slot(f"{top}.wte.weight", ("words.weight",)), Slot(f"{top}.wpe.weight", ("pos",))]
    slots += both({f"{top}.ln_f": "norm"})
    for i in range(sizes["L"]):
        layer, block = f"{top}.h.{i}", f"blocks.{i}"
        slots += both({f"{layer}.ln_1": f"{block}.norm1", f"{layer}.ln_2": f"{block}.norm2"})
        maps = {
            f"{layer}.attn.c_attn": qkv(f"{block}.attention"),
            f"{layer}.attn.c_proj": f"{block}.attention.out",
            f"{layer}.mlp.c_fc": f"{block}.mlp.up",
            f"{layer}.mlp.c_proj": f"{block}.mlp.down",
        }
        slots += both(maps, transposed=True)
    module = Adapted(GPT2LMHeadModel(config), {"tokens": "input_ids"}, use_cache=False)
    return module, Layout(tuple(slots))


def vit(sizes: Sizes) -> tuple[nn.Module, Layout]:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=sizes["d"], num_attention_heads=sizes["h"], num_hidden_layers=sizes["L"],
        intermediate_size=sizes["f"], image_size=(sizes["H"], sizes["W"]), patch_size=sizes["p"],
        num_channels=sizes["C"], num_labels=sizes["classes"], layer_norm_eps=1e-6,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="sdpa",
    )  # fmt: skip
    top = "model.vit.embeddings"
    slots = [
        Slot(f"{top}.cls_token", ("cls",)),
        Slot(f"{top}.position_embeddings", ("pos",)),
    ]
    table: Table = {
        f"{top}.patch_embeddings.projection": "patch",
        "model.vit.layernorm": "norm",
        "model.classifier": "logits",
    }
    for i in range(sizes["L"]):
        layer, block = f"model.vit.layers.{i}", f"blocks.{i}"
        table |= {
            f"{layer}.layernorm_before": f"{block}.norm1",
            f"{layer}.layernorm_after": f"{block}.norm2",
            f"{layer}.mlp.fc1": f"{block}.mlp.up",
            f"{layer}.mlp.fc2": f"{block}.mlp.down",
            f"{layer}.attention.o_proj": f"{block}.attention.out",
        }
        table |= {f"{layer}.attention.{role}_proj": f"{block}.attention.{role}" for role in "qkv"}
    module = Adapted(ViTForImageClassification(config), {"pixels": "pixel_values"})
    return module, Layout((*slots, *both(table)))


ATTENTIONS = {"self_attn": ("attention", "norm1"), "encoder_attn": ("cross", "norm2")}


def marian(sizes: Sizes) -> tuple[nn.Module, Layout]:
    """The spec puts the sine and cosine of one rate side by side, Marian all sines first."""
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(
        d_model=sizes["d"], encoder_layers=sizes["L"], decoder_layers=sizes["M"],
        encoder_attention_heads=sizes["h"], decoder_attention_heads=sizes["h"],
        encoder_ffn_dim=sizes["f"], decoder_ffn_dim=sizes["f"], vocab_size=sizes["V"],
        max_position_embeddings=max(sizes["S"], sizes["T"]), activation_function="relu",
        scale_embedding=True, pad_token_id=0, decoder_start_token_id=0, eos_token_id=0,
        forced_eos_token_id=None, dropout=0.0, attention_dropout=0.0, activation_dropout=0.0,
        use_cache=False, attn_implementation="sdpa",
    )  # fmt: skip
    table: dict[str, str] = {}
    for i in range(sizes["L"]):
        kinds = ("self_attn",)
        table |= _marian_layer(f"model.model.encoder.layers.{i}", f"memory_blocks.{i}", kinds)
    for i in range(sizes["M"]):
        kinds = ("self_attn", "encoder_attn")
        table |= _marian_layer(f"model.model.decoder.layers.{i}", f"text_blocks.{i}", kinds)
    names = {"source": "input_ids", "target": "decoder_input_ids", "valid": "attention_mask"}
    module = Adapted(MarianMTModel(config), names, use_cache=False)
    slots = (Slot("model.model.shared.weight", ("words.weight",)), *both(table))
    order = [m // 2 + (m % 2) * (sizes["d"] // 2) for m in range(sizes["d"])]
    return module, Layout(slots, torch.tensor(order, device="cpu"))


def _marian_layer(layer: str, block: str, kinds: tuple[str, ...]) -> dict[str, str]:
    table = {f"{layer}.fc1": f"{block}.mlp.up", f"{layer}.fc2": f"{block}.mlp.down"}
    table[f"{layer}.final_layer_norm"] = f"{block}.norm{len(kinds) + 1}"
    for kind in kinds:
        attention, norm = ATTENTIONS[kind]
        table[f"{layer}.{kind}_layer_norm"] = f"{block}.{norm}"
        table[f"{layer}.{kind}.out_proj"] = f"{block}.{attention}.out"
        for role in "qkv":
            table[f"{layer}.{kind}.{role}_proj"] = f"{block}.{attention}.{role}"
    return table


PEERS = {"gpt2": gpt2, "vit-b16": vit, "transformer-base": marian}

# ---- timm


class Positional(nn.Module):
    """timm's model, which takes its pixels by position."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model(pixels)


def timm_vit(sizes: Sizes) -> tuple[nn.Module, Layout]:
    from timm.models.vision_transformer import VisionTransformer

    model = VisionTransformer(
        img_size=(sizes["H"], sizes["W"]), patch_size=sizes["p"], in_chans=sizes["C"],
        num_classes=sizes["classes"], embed_dim=sizes["d"], depth=sizes["L"],
        num_heads=sizes["h"], mlp_ratio=sizes["f"] / sizes["d"],
    )  # fmt: skip
    table: Table = {
        "model.patch_embed.proj": "patch",
        "model.norm": "norm",
        "model.head": "logits",
    }
    for i in range(sizes["L"]):
        layer, block = f"model.blocks.{i}", f"blocks.{i}"
        table |= {
            f"{layer}.norm1": f"{block}.norm1",
            f"{layer}.attn.qkv": qkv(f"{block}.attention"),
            f"{layer}.attn.proj": f"{block}.attention.out",
            f"{layer}.norm2": f"{block}.norm2",
            f"{layer}.mlp.fc1": f"{block}.mlp.up",
            f"{layer}.mlp.fc2": f"{block}.mlp.down",
        }
    slots = (Slot("model.cls_token", ("cls",)), Slot("model.pos_embed", ("pos",)), *both(table))
    return Positional(model), Layout(slots)
