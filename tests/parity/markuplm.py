"""MarkupLMModel, reduced: words with their paths, each level of which has tables of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import MarkupLMConfig, MarkupLMModel

from tests.parity.bert import bert_results, layer_names
from tests.parity.reference import SIZES, Reference, Tensors, renamed

LEVELS, TAGS, NUMBERS, UNIT = 4, 9, 13, 6
NO_WORD = 0
"""Their padding, from which they count positions."""
PATHS = "embeddings.xpath_embeddings"


def make_markuplm() -> nn.Module:
    model = MarkupLMModel(
        MarkupLMConfig(
            hidden_size=30, num_attention_heads=5, num_hidden_layers=3, intermediate_size=120,
            vocab_size=101, max_position_embeddings=25, type_vocab_size=2, pad_token_id=NO_WORD,
            max_xpath_tag_unit_embeddings=TAGS, max_xpath_subs_unit_embeddings=NUMBERS,
            xpath_unit_hidden_size=UNIT, max_depth=LEVELS, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, attn_implementation="eager",
        )
    )  # fmt: skip
    del model.embeddings.xpath_embeddings.xpath_unitseq2_embeddings  # their forward never reads it
    return model


def markuplm_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "text_embed1.weight": theirs["embeddings.word_embeddings.weight"],
        "text_embed2.weight": theirs["embeddings.token_type_embeddings.weight"],
        "text_pos": theirs["embeddings.position_embeddings.weight"],
    }
    for ours, name in (("path_embed1", "tag"), ("path_embed2", "subs")):
        tables = [
            theirs[f"{PATHS}.xpath_{name}_sub_embeddings.{level}.weight"] for level in range(LEVELS)
        ]
        found[f"{ours}.weight"] = torch.cat(tables)
    table = {
        f"{PATHS}.xpath_unitseq2_inner": "path_linear1",
        f"{PATHS}.inner2emb": "path_linear2",
        "embeddings.LayerNorm": "text_norm",
        "pooler.dense": "pooled",
        **layer_names("text_blocks"),
    }
    return found | renamed(theirs, table)


def pages(*lengths: int, longest: int) -> dict[str, Tensor]:
    """Pages of so many words, with padding behind them."""
    rng = torch.Generator().manual_seed(4)
    shape = (len(lengths), longest)
    valid = torch.arange(longest) < torch.tensor(lengths)[:, None]
    words = torch.randint(1, 101, shape, generator=rng)
    return {
        "tokens": torch.where(valid, words, NO_WORD),
        "segments": torch.randint(2, shape, generator=rng),
        "path_tags": torch.randint(TAGS, (*shape, LEVELS), generator=rng),
        "path_numbers": torch.randint(NUMBERS, (*shape, LEVELS), generator=rng),
        "valid": valid,
    }


def asked(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        "input_ids": ours["tokens"],
        "token_type_ids": ours["segments"],
        "xpath_tags_seq": ours["path_tags"],
        "xpath_subs_seq": ours["path_numbers"],
        "attention_mask": ours["valid"].long(),
    }


def attentions(output: Any) -> list[Tensor]:
    return list(output.attentions)


MARKUPLM = Reference(
    "markuplm-base",
    {**SIZES, "f": 120, "V": 101, "T": "1..24", "D": LEVELS, "tags": TAGS, "numbers": NUMBERS, "u": UNIT},
    make_markuplm,
    markuplm_names,
    lambda: pages(17, 11, 5, longest=17),
    asked,
    attentions,
    tuple(
        f"embeddings.{name}_embeddings.weight" for name in ("word", "token_type", "position")
    ),
    seen=lambda inputs, n: inputs["valid"],
    results=bert_results,
)  # fmt: skip
