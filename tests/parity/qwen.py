"""Qwen3ForCausalLM, reduced: every head's queries and keys are normed."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from tests.parity.decoder import USUAL, WORDS, Row, block_table, decoder, weights
from tests.parity.reference import Reference, Tensors


def make_qwen(d: int, h: int, g: int, head_dim: int, f: int, T: int) -> nn.Module:
    return Qwen3ForCausalLM(
        Qwen3Config(
            hidden_size=d, num_attention_heads=h, num_key_value_heads=g, head_dim=head_dim,
            num_hidden_layers=3, intermediate_size=f, vocab_size=101, max_position_embeddings=T,
            rms_norm_eps=1e-6, tie_word_embeddings=False,
            rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
            attn_implementation="eager",
        )
    )  # fmt: skip


def qwen_names(theirs: Tensors) -> dict[str, Tensor]:
    return weights(theirs, WORDS | block_table(USUAL, ("q_norm", "k_norm")))


def qwen(*rows: Row, label: str = "", **sizes: int) -> Reference:
    """Qwen3 of these sizes on texts from a first place to before a last."""
    sets = {**sizes, "L": 3, "T": f"1..{sizes['T']}"}
    return decoder("qwen3-8b", sets, partial(make_qwen, **sizes), qwen_names, rows, label)


QWEN = qwen((0, 17), (0, 17), (0, 17), d=30, h=6, g=3, head_dim=8, f=77, T=23)
PADDED = (
    qwen((0, 9), (0, 19), (0, 4), d=21, h=4, g=1, head_dim=6, f=31, T=19, label="padded right"),
    qwen((0, 17), (8, 17), (16, 17), d=30, h=6, g=3, head_dim=8, f=77, T=23, label="padded left"),
)
