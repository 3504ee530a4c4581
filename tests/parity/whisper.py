"""WhisperForConditionalGeneration, reduced: convolutions over sound, and a decoder that reads it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import WhisperConfig, WhisperForConditionalGeneration

from tests.parity.marian import ATTENTIONS, marian_maps
from tests.parity.reference import PAD, Reference, Tensors, renamed, tokens

SIDES = {"encoder": ("audio", 3, ("self_attn",)), "decoder": ("text", 2, tuple(ATTENTIONS))}


def make_whisper(C: int, F: int, d: int, h: int, f: int) -> nn.Module:
    return WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=101, num_mel_bins=C, d_model=d, encoder_layers=3, decoder_layers=2,
            encoder_attention_heads=h, decoder_attention_heads=h, encoder_ffn_dim=f,
            decoder_ffn_dim=f, max_source_positions=(F + 1) // 2, max_target_positions=19,
            dropout=0.0, attention_dropout=0.0, activation_dropout=0.0, pad_token_id=PAD,
            bos_token_id=99, eos_token_id=98, decoder_start_token_id=97,
            attn_implementation="eager",
        )
    )  # fmt: skip


def whisper_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "words.weight": theirs["model.decoder.embed_tokens.weight"],
        "text_pos": theirs["model.decoder.embed_positions.weight"],
    }
    table = {f"model.encoder.conv{n}": f"audio_conv{n}" for n in (1, 2)}
    for side, (ours, depth, kinds) in SIDES.items():
        table[f"model.{side}.layer_norm"] = f"{ours}_norm"
        for i in range(depth):
            layer, block = f"model.{side}.layers.{i}", f"{ours}_blocks.{i}"
            table |= {f"{layer}.fc1": f"{block}.mlp.up", f"{layer}.fc2": f"{block}.mlp.down"}
            table[f"{layer}.final_layer_norm"] = f"{block}.norm{len(kinds) + 1}"
            for kind in kinds:
                attention, norm = ATTENTIONS[kind]
                old, new = f"{layer}.{kind}", f"{block}.{attention}"
                table[f"{old}_layer_norm"] = f"{block}.{norm}"
                table |= {f"{old}.q_proj": f"{new}.q", f"{old}.v_proj": f"{new}.v"}
                table[f"{old}.out_proj"] = f"{new}.out"
                found[f"{new}.k.weight"] = theirs[f"{old}.k_proj.weight"]
    return found | renamed(theirs, table)


def whisper(batch: int, length: int, label: str = "", **sizes: int) -> Reference:
    """Whisper of these sizes on sounds and texts."""
    rng = torch.Generator().manual_seed(2)
    mel = torch.randn(batch, sizes["C"], sizes["F"], generator=rng)
    return Reference(
        "whisper-base",
        {**sizes, "L": 3, "M": 2, "V": 101, "T": "1..19"},
        lambda: make_whisper(**sizes),
        whisper_names,
        lambda: {"mel": mel.clone(), "tokens": tokens(4, batch, length)},
        lambda ours: {"input_features": ours["mel"], "decoder_input_ids": ours["tokens"]},
        marian_maps,
        ("model.decoder.embed_tokens.weight", "model.decoder.embed_positions.weight"),
        label=label,
    )


WHISPER = whisper(3, 11, C=4, F=26, d=30, h=5, f=77)
SHAPES = (
    whisper(1, 19, C=7, F=20, d=12, h=2, f=33, label="of the longest text"),
    whisper(2, 5, C=1, F=8, d=20, h=5, f=20, label="of one tone"),
)
