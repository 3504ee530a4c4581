"""Gemma2ForCausalLM, reduced: layers with and without a window, caps, and norms on both sides."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from transformers import Gemma2Config, Gemma2ForCausalLM

from tests.parity.decoder import Row, block_table, decoder, weights
from tests.parity.reference import PAD, Reference, Tensors

NORMS = (
    "input_layernorm", "post_attention_layernorm",
    "pre_feedforward_layernorm", "post_feedforward_layernorm",
)  # fmt: skip


def make_gemma(d: int, h: int, g: int, head_dim: int, f: int, L: int, T: int, w: int) -> nn.Module:
    return Gemma2ForCausalLM(
        Gemma2Config(
            hidden_size=d, num_attention_heads=h, num_key_value_heads=g, head_dim=head_dim,
            query_pre_attn_scalar=head_dim, num_hidden_layers=L, intermediate_size=f,
            vocab_size=101, max_position_embeddings=T, sliding_window=w, pad_token_id=PAD,
            attn_implementation="eager",
        )
    )  # fmt: skip


def gemma_names(theirs: Tensors) -> dict[str, Tensor]:
    layers = len({name.split(".")[2] for name in theirs if name.startswith("model.layers.")})
    table = {"words": "model.embed_tokens", "norm": "model.norm"}
    found = weights(theirs, table | block_table(NORMS, layers=layers))
    # a norm whose gain is 1 more than what is learned is no torch module, and has one tensor
    return {
        name.removesuffix(".weight") if "norm" in name else name: t for name, t in found.items()
    }


def gemma(*rows: Row, label: str = "", **sizes: int) -> Reference:
    """Gemma 2 of these sizes on texts from a first place to before a last."""
    sets = {**sizes, "T": f"1..{sizes['T']}"}
    return decoder("gemma-2-2b", sets, partial(make_gemma, **sizes), gemma_names, rows, label)


GEMMA = gemma((0, 19), (0, 19), d=32, h=4, g=2, head_dim=10, f=77, L=4, T=23, w=5)
PADDED = (
    gemma(
        (0, 9), (0, 23), (0, 4), d=27, h=3, g=1, head_dim=6, f=31, L=2, T=23, w=7,
        label="padded right",
    ),
    gemma(
        (0, 17), (8, 17), (16, 17), d=32, h=4, g=2, head_dim=10, f=77, L=4, T=23, w=5,
        label="padded left",
    ),
)  # fmt: skip
