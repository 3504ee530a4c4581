"""BertModel, reduced, with two segments, on batches that are padded right, left or on both sides."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from tests.parity.reference import PAD, SIZES, Reference, Tensors, renamed, tokens

EMBEDDINGS = {"embed1": "word", "embed2": "token_type"}


def make_bert() -> nn.Module:
    return BertModel(
        BertConfig(
            hidden_size=30, num_attention_heads=5, num_hidden_layers=3, intermediate_size=77,
            vocab_size=101, max_position_embeddings=23, type_vocab_size=2, layer_norm_eps=1e-12, pad_token_id=PAD,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
        )
    )  # fmt: skip


def bert_names(theirs: Tensors) -> dict[str, Tensor]:
    return body_names(theirs) | renamed(theirs, {"pooler.dense": "pooled"})


def body_names(theirs: Tensors) -> dict[str, Tensor]:
    """All but the pooler."""
    found = {
        f"{ours}.weight": theirs[f"embeddings.{name}_embeddings.weight"]
        for ours, name in EMBEDDINGS.items()
    }
    found["pos"] = theirs["embeddings.position_embeddings.weight"]
    return found | renamed(theirs, {"embeddings.LayerNorm": "norm", **layer_names("blocks")})


def layer_names(blocks: str, layers: int = 3) -> dict[str, str]:
    """Our modules by theirs, of an encoder's layers."""
    table: dict[str, str] = {}
    for i in range(layers):
        layer, block = f"encoder.layer.{i}", f"{blocks}.{i}"
        table |= {
            f"{layer}.attention.output.dense": f"{block}.attention.out",
            f"{layer}.attention.output.LayerNorm": f"{block}.norm1",
            f"{layer}.intermediate.dense": f"{block}.mlp.up",
            f"{layer}.output.dense": f"{block}.mlp.down",
            f"{layer}.output.LayerNorm": f"{block}.norm2",
        }
        for name in ("query", "key", "value"):
            table[f"{layer}.attention.self.{name}"] = f"{block}.attention.{name[0]}"
    return table


def bert_results(output: Any) -> tuple[Tensor, ...]:
    return output.last_hidden_state, output.pooler_output


def bert(label: str, *rows: tuple[int, int], length: int) -> Reference:
    """BERT on texts of `length` places, each with tokens from a first place to before a last."""

    def ours() -> dict[str, Tensor]:
        places = torch.arange(length)
        first, last = torch.tensor(rows).T[:, :, None]
        return {
            "tokens": tokens(8, len(rows), length),
            "segments": (places >= (first + last) // 2).long(),
            "valid": (places >= first) & (places < last),
        }

    return Reference(
        "bert-base",
        {**SIZES, "V": 101, "T": "1..23"},
        make_bert,
        bert_names,
        ours,
        lambda inputs: {
            "input_ids": inputs["tokens"],
            "token_type_ids": inputs["segments"],
            "attention_mask": inputs["valid"].long(),
        },
        lambda output: list(output.attentions),
        tuple(
            f"embeddings.{name}_embeddings.weight" for name in ("word", "token_type", "position")
        ),
        seen=lambda inputs, n: inputs["valid"],
        results=bert_results,
        label=label,
    )


BERT = bert("", (0, 17), (0, 11), (0, 5), length=17)
PADDED = (
    bert("padded left", (0, 13), (6, 13), (12, 13), length=13),
    bert("padded on both sides", (2, 23), (0, 7), (9, 11), (5, 19), length=23),
)
