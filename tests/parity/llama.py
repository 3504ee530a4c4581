"""LlamaForCausalLM, reduced: grouped heads, angles plain and stretched, and padded batches."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from tests.parity.decoder import USUAL, WORDS, Row, block_table, decoder, weights
from tests.parity.reference import Reference, Tensors

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
    return weights(theirs, WORDS | block_table(USUAL))


def llama(
    *rows: Row, spec: str = "llama-3-8b", d: int, h: int, g: int, f: int, T: int,
    original: int | None = None, label: str = "",
) -> Reference:  # fmt: skip
    """Llama of these sizes on texts from a first place to before a last."""
    stretched: dict[str, int | str] = {} if original is None else {"O": original}

    def make() -> nn.Module:
        return make_llama(d, h, g, f, T, STRETCHED if stretched else PLAIN)

    sets = {"d": d, "h": h, "g": g, "f": f, "L": 3, "T": f"1..{T}", **stretched}
    return decoder(spec, sets, make, llama_names, rows, label)


LLAMA = llama((0, 17), (0, 17), (0, 17), d=36, h=6, g=3, f=77, T=23)
LLAMA31 = llama((0, 29), (0, 29), spec="llama-3.1-405b", d=40, h=4, g=2, f=51, T=29, original=200)
SHAPES = (
    llama(
        (0, 19), (0, 11), (0, 1), d=42, h=3, g=1, f=50, T=19, label="padded, of one key head"
    ),
    llama(
        (0, 13), (0, 21), (0, 6), spec="llama-3.1-405b", d=90, h=9, g=3, f=31, T=40, original=200,
        label="padded",
    ),
    llama((0, 13), (6, 13), (12, 13), d=36, h=6, g=3, f=77, T=23, label="padded left"),
)  # fmt: skip
