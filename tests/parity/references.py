"""The public implementations: reduced models of transformers, and their weights by our names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    MarianConfig,
    MarianMTModel,
    ViTConfig,
    ViTForImageClassification,
)

Tensors = Mapping[str, Tensor]

SIZES = {"d": 30, "h": 5, "f": 77, "L": 3}
PAD = 100


@dataclass(frozen=True, eq=False)
class Reference:
    """One public model: how to make it, what to feed it, and its tensors under our names.

    `names` is linear, so that it takes weights and gradients alike. `quiet` are their weights that,
    made small, leave norms a low variance. `seen(inputs, n)` is where a padded batch has tokens, of
    sources or of targets, whichever has `n` places.
    """

    spec: str
    sets: dict[str, int | str]
    make: Callable[[], nn.Module]
    names: Callable[[Tensors], dict[str, Tensor]]
    ours: Callable[[], dict[str, Tensor]]
    theirs: Callable[[dict[str, Tensor]], dict[str, Tensor]]
    maps: Callable[[Any], list[Tensor]]
    quiet: tuple[str, ...]
    seen: Callable[[dict[str, Tensor], int], Tensor] | None = None

    def __str__(self) -> str:
        return self.spec


def renamed(tensors: Tensors, table: Mapping[str, str]) -> dict[str, Tensor]:
    """`{old}.weight` and `{old}.bias` as `{new}.weight` and `{new}.bias`."""
    return {
        f"{new}.{attribute}": tensors[f"{old}.{attribute}"]
        for old, new in table.items()
        for attribute in ("weight", "bias")
    }


def tokens(seed: int, *shape: int) -> Tensor:
    return torch.randint(0, PAD, shape, generator=torch.Generator().manual_seed(seed))


# ---- GPT-2


def make_gpt2() -> nn.Module:
    return GPT2LMHeadModel(
        GPT2Config(
            n_embd=30, n_head=5, n_layer=3, n_inner=77, vocab_size=101, n_positions=23,
            resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=PAD, eos_token_id=PAD,
            attn_implementation="eager",
        )
    )  # fmt: skip


def gpt2_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "words.weight": theirs["transformer.wte.weight"],
        "pos": theirs["transformer.wpe.weight"],
    }
    found |= renamed(theirs, {"transformer.ln_f": "norm"})
    for i in range(3):
        layer, block = f"transformer.h.{i}", f"blocks.{i}"
        norms = {f"{layer}.ln_1": f"{block}.norm1", f"{layer}.ln_2": f"{block}.norm2"}
        maps = {
            f"{layer}.attn.c_proj": f"{block}.attention.out",
            f"{layer}.mlp.c_fc": f"{block}.mlp.up",
            f"{layer}.mlp.c_proj": f"{block}.mlp.down",
        }
        found |= renamed(theirs, norms)
        # its Conv1D holds [in, out]
        found |= {name: t.T if t.dim() == 2 else t for name, t in renamed(theirs, maps).items()}
        for attribute in ("weight", "bias"):
            joint = theirs[f"{layer}.attn.c_attn.{attribute}"]
            for role, part in zip("qkv", joint.chunk(3, dim=-1), strict=True):
                found[f"{block}.attention.{role}.{attribute}"] = part.T if part.dim() > 1 else part
    return found


GPT2 = Reference(
    "gpt2",
    {**SIZES, "V": 101, "T": "1..23"},
    make_gpt2,
    gpt2_names,
    lambda: {"tokens": tokens(1, 3, 17)},
    lambda ours: {"input_ids": ours["tokens"]},
    lambda output: list(output.attentions),
    ("transformer.wte.weight", "transformer.wpe.weight"),
)

# ---- ViT


def make_vit() -> nn.Module:
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=30, num_attention_heads=5, num_hidden_layers=3, intermediate_size=77,
            image_size=(35, 20), patch_size=5, num_channels=2, num_labels=7, layer_norm_eps=1e-6,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
        )
    )  # fmt: skip


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
    for i in range(3):
        layer, block = f"vit.layers.{i}", f"blocks.{i}"
        table |= {
            f"{layer}.layernorm_before": f"{block}.norm1",
            f"{layer}.layernorm_after": f"{block}.norm2",
            f"{layer}.mlp.fc1": f"{block}.mlp.up",
            f"{layer}.mlp.fc2": f"{block}.mlp.down",
            f"{layer}.attention.o_proj": f"{block}.attention.out",
        }
        table |= {f"{layer}.attention.{role}_proj": f"{block}.attention.{role}" for role in "qkv"}
    return found | renamed(theirs, table)


def pixels() -> Tensor:
    return torch.randn(3, 2, 35, 20, generator=torch.Generator().manual_seed(2))


VIT = Reference(
    "vit-b16",
    {**SIZES, "C": 2, "H": 35, "W": 20, "p": 5, "classes": 7},
    make_vit,
    vit_names,
    lambda: {"pixels": pixels()},
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
)

# ---- Marian

ATTENTIONS = {"self_attn": ("attention", "norm1"), "encoder_attn": ("cross", "norm2")}


def make_marian() -> nn.Module:
    return MarianMTModel(
        MarianConfig(
            d_model=30, encoder_layers=3, decoder_layers=2, encoder_attention_heads=5,
            decoder_attention_heads=5, encoder_ffn_dim=77, decoder_ffn_dim=77, vocab_size=101,
            max_position_embeddings=40, activation_function="relu", scale_embedding=True,
            pad_token_id=PAD, decoder_start_token_id=PAD, eos_token_id=0, forced_eos_token_id=None,
            dropout=0.0, attention_dropout=0.0, activation_dropout=0.0,
            attn_implementation="eager",
        )
    )  # fmt: skip


def marian_table(layer: str, block: str, kinds: tuple[str, ...]) -> dict[str, str]:
    table = {f"{layer}.fc1": f"{block}.mlp.up", f"{layer}.fc2": f"{block}.mlp.down"}
    table[f"{layer}.final_layer_norm"] = f"{block}.norm{len(kinds) + 1}"
    for kind in kinds:
        attention, norm = ATTENTIONS[kind]
        table[f"{layer}.{kind}_layer_norm"] = f"{block}.{norm}"
        table[f"{layer}.{kind}.out_proj"] = f"{block}.{attention}.out"
        for role in "qkv":
            table[f"{layer}.{kind}.{role}_proj"] = f"{block}.{attention}.{role}"
    return table


def marian_plain_names(theirs: Tensors) -> dict[str, Tensor]:
    """By our names, features in Marian's order."""
    table: dict[str, str] = {}
    for i in range(3):
        table |= marian_table(f"model.encoder.layers.{i}", f"memory_blocks.{i}", ("self_attn",))
    for i in range(2):
        layer = f"model.decoder.layers.{i}"
        table |= marian_table(layer, f"text_blocks.{i}", ("self_attn", "encoder_attn"))
    return {"words.weight": theirs["model.shared.weight"]} | renamed(theirs, table)


def marian_names(theirs: Tensors) -> dict[str, Tensor]:
    """By our names, features in our order.

    The paper, and so our spec, puts the sine and cosine of one rate side by side; Marian puts all
    sines first. The model is the same under a permutation of its features, so every axis that holds
    them is permuted, and nothing is rounded.
    """
    order = torch.tensor([m // 2 + (m % 2) * 15 for m in range(30)])
    return {
        name: tensor if (axis := _feature_axis(name)) is None else tensor.index_select(axis, order)
        for name, tensor in marian_plain_names(theirs).items()
    }


def _feature_axis(name: str) -> int | None:
    """The axis that holds the model's features: what a map reads, or what ends a branch."""
    module, attribute = name.split(".")[-2:]
    if module == "words" or (module in ("q", "k", "v", "up") and attribute == "weight"):
        return 1
    return 0 if module in ("out", "down") or module.startswith("norm") else None


def sentences() -> dict[str, Tensor]:
    """A padded batch: sources of 13, 9 and 4 tokens, targets of 8, 11 and 5."""
    source, target = tokens(3, 3, 13), tokens(4, 3, 11)
    valid = torch.arange(13) < torch.tensor([13, 9, 4])[:, None]
    target[torch.arange(11) >= torch.tensor([8, 11, 5])[:, None]] = PAD
    return {"source": source.where(valid, PAD), "target": target, "valid": valid}


def marian_inputs(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        "input_ids": ours["source"],
        "attention_mask": ours["valid"].long(),
        "decoder_input_ids": ours["target"],
        "decoder_attention_mask": (ours["target"] != PAD).long(),
    }


def marian_maps(output: Any) -> list[Tensor]:
    pairs = zip(output.decoder_attentions, output.cross_attentions, strict=True)
    return [*output.encoder_attentions, *(each for pair in pairs for each in pair)]


MARIAN = Reference(
    "transformer-base",
    {**SIZES, "M": 2, "V": 101, "S": "1..19", "T": "1..19"},
    make_marian,
    marian_names,
    sentences,
    marian_inputs,
    marian_maps,
    tuple(
        f"model.encoder.layers.0.{name}.{attribute}"
        for name in ("self_attn_layer_norm", "fc2")
        for attribute in ("weight", "bias")
    ),
    seen=lambda ours, n: ours["valid"] if n == 13 else ours["target"] != PAD,
)

REFERENCES = (GPT2, VIT, MARIAN)
