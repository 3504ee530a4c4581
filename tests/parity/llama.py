"""LlamaForCausalLM, reduced: grouped heads, angles plain and stretched, and padded batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from tests.parity.reference import PAD, Reference, Tensors, tokens

ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "o_proj"}
PLAIN: dict[str, float | str] = {"rope_type": "default", "rope_theta": 500000.0}
# of five pairs, which take 6, 87, 1195, ... tokens for a turn, the first is kept, the second is
# between, and the others are slowed down
STRETCHED = PLAIN | {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 200,
}


def make_llama(
    d: int, h: int, g: int, f: int, T: int, rope: dict[str, float | str]
) -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            hidden_size=d, num_attention_heads=h, num_key_value_heads=g, num_hidden_layers=3,
            intermediate_size=f, vocab_size=101, max_position_embeddings=T, rms_norm_eps=1e-5,
            rope_parameters=dict(rope), attn_implementation="eager",
        )
    )  # fmt: skip


def llama_names(theirs: Tensors) -> dict[str, Tensor]:
    table = {"embed": "model.embed_tokens", "norm": "model.norm", "logits": "lm_head"}
    for i in range(3):
        layer, block = f"model.layers.{i}", f"blocks.{i}"
        table |= {
            f"{block}.norm1": f"{layer}.input_layernorm",
            f"{block}.norm2": f"{layer}.post_attention_layernorm",
        }
        table |= {f"{block}.attention.{o}": f"{layer}.self_attn.{t}" for o, t in ATTENTION.items()}
        table |= {f"{block}.mlp.{m}": f"{layer}.mlp.{m}_proj" for m in ("gate", "up", "down")}
    return {f"{ours}.weight": theirs[f"{name}.weight"] for ours, name in table.items()}


def llama(
    *lengths: int, spec: str = "llama-3-8b", d: int, h: int, g: int, f: int, T: int,
    original: int | None = None, label: str = "",
) -> Reference:  # fmt: skip
    """Llama of these sizes on texts of these lengths, padded right to the longest of them.

    Its mask is causal: what stands behind a text is not seen from it.
    """
    stretched: dict[str, int | str] = {} if original is None else {"O": original}

    def make() -> nn.Module:
        return make_llama(d, h, g, f, T, STRETCHED if stretched else PLAIN)

    def ours() -> dict[str, Tensor]:
        text = tokens(9, len(lengths), max(lengths))
        return {
            "tokens": text.where(torch.arange(max(lengths)) < torch.tensor(lengths)[:, None], PAD)
        }

    return Reference(
        spec,
        {"d": d, "h": h, "g": g, "f": f, "L": 3, "V": 101, "T": f"1..{T}", **stretched},
        make,
        llama_names,
        ours,
        lambda ours: {
            "input_ids": ours["tokens"],
            "attention_mask": (ours["tokens"] != PAD).long(),
        },
        lambda output: list(output.attentions),
        ("model.embed_tokens.weight",),
        seen=lambda ours, n: ours["tokens"] != PAD,
        label=label,
    )


LLAMA = llama(17, 17, 17, d=36, h=6, g=3, f=77, T=23)
LLAMA31 = llama(29, 29, spec="llama-3.1-405b", d=40, h=4, g=2, f=51, T=29, original=200)
SHAPES = (
    llama(19, 11, 1, d=42, h=3, g=1, f=50, T=19, label="padded, of one key head"),
    llama(
        13, 21, 6, spec="llama-3.1-405b", d=90, h=9, g=3, f=31, T=40, original=200,
        label="padded",
    ),
)  # fmt: skip
