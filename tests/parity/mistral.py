"""MistralForCausalLM, reduced, on texts that are longer than its window."""

from __future__ import annotations

from functools import partial

from torch import nn
from transformers import MistralConfig, MistralForCausalLM

from tests.parity.decoder import Row, decoder
from tests.parity.llama import llama_names
from tests.parity.reference import Reference


def make_mistral(d: int, h: int, g: int, f: int, T: int, w: int) -> nn.Module:
    return MistralForCausalLM(
        MistralConfig(
            hidden_size=d, num_attention_heads=h, num_key_value_heads=g, num_hidden_layers=3,
            head_dim=d // h, intermediate_size=f, vocab_size=101, max_position_embeddings=T,
            sliding_window=w, rms_norm_eps=1e-5,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
            attn_implementation="eager",
        )
    )  # fmt: skip


def mistral(*rows: Row, label: str = "", **sizes: int) -> Reference:
    """Mistral of these sizes on texts from a first place to before a last."""
    sets = {**sizes, "L": 3, "T": f"1..{sizes['T']}"}
    return decoder("mistral-7b", sets, partial(make_mistral, **sizes), llama_names, rows, label)


MISTRAL = mistral((0, 19), (0, 19), d=36, h=6, g=3, f=77, T=23, w=5)
PADDED = (
    mistral((0, 9), (0, 23), (0, 4), d=24, h=4, g=1, f=31, T=23, w=7, label="padded right"),
    mistral((0, 17), (8, 17), (16, 17), d=36, h=6, g=3, f=77, T=23, w=5, label="padded left"),
)
