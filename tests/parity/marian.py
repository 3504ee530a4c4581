"""MarianMTModel, reduced: the original encoder-decoder, with a padded batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import MarianConfig, MarianMTModel

from tests.parity.reference import PAD, SIZES, Reference, Tensors, renamed, tokens

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
