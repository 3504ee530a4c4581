"""T5ForConditionalGeneration, reduced, with padded batches."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration

from tests.parity.marian import marian_maps, sentences
from tests.parity.reference import PAD, Reference, Tensors

SIDES = {"encoder": ("memory", "near", 3), "decoder": ("text", "past", 2)}
BRANCHES = {"SelfAttention": "attention", "EncDecAttention": "cross", "DenseReluDense": "mlp"}
MAPS = {
    "attention": {"q": "q", "k": "k", "v": "v", "o": "out"},
    "mlp": {"wi": "up", "wo": "down"},
}


def make_t5(d: int, h: int, head_dim: int, f: int, buckets: int, far: int) -> nn.Module:
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=101, d_model=d, d_kv=head_dim, d_ff=f, num_layers=3, num_decoder_layers=2,
            num_heads=h, relative_attention_num_buckets=buckets,
            relative_attention_max_distance=far, dropout_rate=0.0, pad_token_id=PAD,
            decoder_start_token_id=PAD, eos_token_id=0, attn_implementation="eager",
        )
    )  # fmt: skip


def t5_names(theirs: Tensors) -> dict[str, Tensor]:
    table = {"shared": "words"}
    for side, (ours, biases, depth) in SIDES.items():
        first = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias"
        table |= {first: biases, f"{side}.final_layer_norm": f"{ours}_norm"}
        branches = [each for each in BRANCHES if side == "decoder" or each != "EncDecAttention"]
        for layer in range(depth):
            for at, branch in enumerate(branches):
                old, new = f"{side}.block.{layer}.layer.{at}", f"{ours}_blocks.{layer}"
                module = BRANCHES[branch]
                table[f"{old}.layer_norm"] = f"{new}.norm{at + 1}"
                for a, b in MAPS.get(module, MAPS["attention"]).items():
                    table[f"{old}.{branch}.{a}"] = f"{new}.{module}.{b}"
    return {f"{ours}.weight": theirs[f"{name}.weight"] for name, ours in table.items()}


def t5(label: str = "", **sizes: int) -> Reference:
    """T5 of these sizes on sources of 13, 9 and 4 tokens and targets of 8, 11 and 5."""
    return Reference(
        "t5-base",
        {**sizes, "L": 3, "M": 2, "V": 101, "S": "1..19", "T": "1..19"},
        lambda: make_t5(**sizes),
        t5_names,
        sentences,
        lambda ours: {
            "input_ids": ours["source"],
            "attention_mask": ours["valid"].long(),
            "decoder_input_ids": ours["target"],
            "decoder_attention_mask": (ours["target"] != PAD).long(),
        },
        marian_maps,
        ("shared.weight",),
        seen=lambda ours, n: ours["valid"] if n == 13 else ours["target"] != PAD,
        label=label,
    )


T5 = t5(d=30, h=5, head_dim=4, f=77, buckets=8, far=6)
SHAPES = (t5("of many buckets", d=12, h=3, head_dim=6, f=20, buckets=20, far=11),)
