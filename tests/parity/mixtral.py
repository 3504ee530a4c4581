"""MixtralForCausalLM, reduced: each token through two of its experts, and padded batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import MixtralConfig, MixtralForCausalLM

from tests.parity.decoder import ATTENTION
from tests.parity.reference import PAD, Reference, Tensors, tokens


def make_mixtral(*, d: int, h: int, g: int, f: int, E: int, K: int, T: int) -> nn.Module:
    return MixtralForCausalLM(
        MixtralConfig(
            hidden_size=d, num_attention_heads=h, num_key_value_heads=g, num_hidden_layers=3,
            intermediate_size=f, num_local_experts=E, num_experts_per_tok=K, vocab_size=101,
            max_position_embeddings=T, rms_norm_eps=1e-5, rope_parameters={
                "rope_type": "default", "rope_theta": 1000000.0
            }, attn_implementation="eager", experts_implementation="eager",
        )
    )  # fmt: skip


def mixtral_names(theirs: Tensors) -> dict[str, Tensor]:
    table = {"embed": "model.embed_tokens", "norm": "model.norm", "logits": "lm_head"}
    found: dict[str, Tensor] = {}
    for i in range(3):
        layer, block = f"model.layers.{i}", f"blocks.{i}"
        table |= {
            f"{block}.norm1": f"{layer}.input_layernorm",
            f"{block}.norm2": f"{layer}.post_attention_layernorm",
            f"{block}.mlp.router": f"{layer}.mlp.gate",
        }
        table |= {f"{block}.attention.{o}": f"{layer}.self_attn.{t}" for o, t in ATTENTION.items()}
        gate, up = theirs[f"{layer}.mlp.experts.gate_up_proj"].chunk(2, dim=1)
        down = theirs[f"{layer}.mlp.experts.down_proj"]
        found |= {f"{block}.mlp.gate": gate, f"{block}.mlp.up": up, f"{block}.mlp.down": down}
    return {f"{ours}.weight": theirs[f"{name}.weight"] for ours, name in table.items()} | found


def mixtral(
    *lengths: int, d: int, h: int, g: int, f: int, E: int, K: int, T: int, label: str = ""
) -> Reference:
    """Mixtral of these sizes on texts of these lengths, padded right to the longest of them."""
    sizes = {"d": d, "h": h, "g": g, "f": f, "E": E, "K": K}

    def ours() -> dict[str, Tensor]:
        text = tokens(9, len(lengths), max(lengths))
        seen = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        return {"tokens": text.where(seen, PAD)}

    return Reference(
        "mixtral-8x7b",
        {**sizes, "L": 3, "V": 101, "T": f"1..{T}"},
        lambda: make_mixtral(**sizes, T=T),
        mixtral_names,
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


MIXTRAL = mixtral(17, 17, 17, d=36, h=6, g=3, f=50, E=5, K=2, T=23)
SHAPES = (
    mixtral(19, 11, 1, d=42, h=3, g=1, f=31, E=7, K=3, T=19, label="padded, three of seven"),
    mixtral(2, d=20, h=2, g=2, f=13, E=9, K=2, T=9, label="experts that no token uses"),
)
