"""Perceivers, reduced: learned latents that read an input, think, and answer learned queries."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    PerceiverConfig,
    PerceiverForImageClassificationLearned,
    PerceiverForMaskedLM,
)

from tests.parity.reference import Reference, Tensors, renamed

V, T, E, R, D, LAYERS = 41, 11, 24, 5, 16, 3
HEADS, QK = 8, 32  # the public decoder has them written in


def make_perceiver_io() -> nn.Module:
    config = PerceiverConfig(
        vocab_size=V, max_position_embeddings=T, d_model=E, num_latents=R, d_latents=D,
        num_blocks=1, num_self_attends_per_block=LAYERS, num_self_attention_heads=HEADS,
        num_cross_attention_heads=HEADS, qk_channels=HEADS * QK, v_channels=D,
        attn_implementation="eager",
    )  # fmt: skip
    return PerceiverForMaskedLM(config)


# of images: a pixel and its place have 256 features each in the public model
SIDE, ROUNDS, CLASSES = 3, 2, 7


def make_perceiver() -> nn.Module:
    config = PerceiverConfig(
        image_size=SIDE, num_latents=R, d_latents=D, num_blocks=ROUNDS,
        num_self_attends_per_block=LAYERS, num_self_attention_heads=4, num_cross_attention_heads=1,
        num_labels=CLASSES, attn_implementation="eager",
    )  # fmt: skip
    return PerceiverForImageClassificationLearned(config)


def layer_table(theirs: str, ours: str, *, crosses: bool) -> dict[str, str]:
    """One layer by our names: attention to another value has a norm for each of the two."""
    own, attention = f"{theirs}.attention.self", f"{ours}.{'cross' if crosses else 'attention'}"
    table = {f"{own}.layernorm{n}": f"{ours}.norm{n}" for n in ((1, 2) if crosses else (1,))}
    table |= {f"{own}.{role}": f"{attention}.{role[0]}" for role in ("query", "key", "value")}
    return table | {
        f"{theirs}.attention.output.dense": f"{attention}.out",
        f"{theirs}.layernorm": f"{ours}.norm{3 if crosses else 2}",
        f"{theirs}.mlp.dense1": f"{ours}.mlp.up",
        f"{theirs}.mlp.dense2": f"{ours}.mlp.down",
    }


def encoder_table(layers: dict[int, str]) -> dict[str, str]:
    """The latents' layers, those that think under the names that are given."""
    encoder = "perceiver.encoder"
    table = layer_table(f"{encoder}.cross_attention", "latents_look", crosses=True)
    for i, name in layers.items():
        table |= layer_table(f"{encoder}.self_attends.{i}", name, crosses=False)
    return table


def perceiver_io_names(theirs: Tensors) -> dict[str, Tensor]:
    read, decoder = "perceiver.input_preprocessor", "perceiver.decoder"
    found = {
        "words.weight": theirs[f"{read}.embeddings.weight"],
        "text_pos": theirs[f"{read}.position_embeddings.weight"],
        "latents_learn": theirs["perceiver.embeddings.latents"],
        "queries_learn": theirs[f"{decoder}.output_position_encodings.position_embeddings"],
        "logits_bias": theirs["embedding_decoder.bias"],
    }
    answers = layer_table(f"{decoder}.decoding_cross_attention", "queries_answer", crosses=True)
    table = encoder_table({i: f"latents_blocks.{i}" for i in range(LAYERS)}) | answers
    return found | renamed(theirs, table)


def perceiver_names(theirs: Tensors) -> dict[str, Tensor]:
    """Maps of a pixel are a convolution of size 1; a layer's weights are there once."""
    read, decoder = "perceiver.input_preprocessor", "perceiver.decoder.decoder"
    found = {
        "image_linear1.weight": theirs[f"{read}.convnet_1x1.weight"].flatten(1),
        "image_linear1.bias": theirs[f"{read}.convnet_1x1.bias"],
        "image_learn": theirs[f"{read}.position_embeddings.position_embeddings"],
        "latents_learn": theirs["perceiver.embeddings.latents"],
        "answer_query_learn": theirs[f"{decoder}.output_position_encodings.position_embeddings"][0],
    }
    table = encoder_table({i: f"latents_blocks.{i}" for i in range(LAYERS)})
    table |= layer_table(f"{decoder}.decoding_cross_attention", "answer_query_answer", crosses=True)
    table[f"{read}.positions_projection"] = "image_linear2"
    table[f"{decoder}.final_layer"] = "logits"
    return found | renamed(theirs, table)


def images() -> dict[str, Tensor]:
    return {"pixels": torch.randn(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))}


def padded_letters() -> dict[str, Tensor]:
    """Four rows of bytes that end at different places."""
    rng = torch.Generator().manual_seed(3)
    valid = torch.arange(T) < torch.tensor([[T], [4], [1], [8]])
    return {"letters": torch.randint(V, (4, T), generator=rng), "valid": valid}


def perceiver_maps(output: Any) -> list[Tensor]:
    """Those of the latents that look, of those that think, and of the queries."""
    look, answer = output.cross_attentions
    return [look, *output.attentions, answer]


PERCEIVER_IO = Reference(
    "perceiver-io",
    {"V": V, "T": T, "e": E, "R": R, "d": D, "h": HEADS, "k": QK, "L": LAYERS},
    make_perceiver_io,
    perceiver_io_names,
    padded_letters,
    lambda ours: {"inputs": ours["letters"], "attention_mask": ours["valid"].long()},
    perceiver_maps,
    ("perceiver.embeddings.latents", "perceiver.input_preprocessor.embeddings.weight",
     "perceiver.input_preprocessor.position_embeddings.weight",
     "perceiver.decoder.output_position_encodings.position_embeddings"),
)  # fmt: skip

PERCEIVER = Reference(
    "perceiver",
    {"H": SIDE, "W": SIDE, "e": 256, "R": R, "d": D, "h": 4, "L": LAYERS, "r": ROUNDS,
     "classes": CLASSES},
    make_perceiver,
    perceiver_names,
    images,
    lambda ours: {"inputs": ours["pixels"]},
    perceiver_maps,
    ("perceiver.embeddings.latents", "perceiver.input_preprocessor.convnet_1x1.weight",
     "perceiver.input_preprocessor.convnet_1x1.bias",
     "perceiver.input_preprocessor.positions_projection.weight",
     "perceiver.input_preprocessor.positions_projection.bias",
     "perceiver.decoder.decoder.output_position_encodings.position_embeddings"),
)  # fmt: skip
