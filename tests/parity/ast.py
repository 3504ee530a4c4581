"""ASTForAudioClassification, reduced: patches of a spectrogram that overlap."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import ASTConfig, ASTForAudioClassification

from tests.parity.reference import Reference, Tensors, renamed
from tests.parity.vit import layer_table

EMBEDDINGS = "audio_spectrogram_transformer.embeddings"


def make_ast(d: int, h: int, f: int, T: int, F: int, p: int, s: int) -> nn.Module:
    return ASTForAudioClassification(
        ASTConfig(
            hidden_size=d, num_hidden_layers=3, num_attention_heads=h, intermediate_size=f,
            patch_size=p, frequency_stride=s, time_stride=s, max_length=T, num_mel_bins=F,
            num_labels=7, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            attn_implementation="eager",
        )
    )  # fmt: skip


def places(rows: int, columns: int) -> Tensor:
    """Where our tokens are among theirs, who go by frequency first: a spectrogram on its side."""
    patches = torch.arange(columns * rows).unflatten(0, (columns, rows)).T.flatten()
    return torch.cat([torch.arange(2), 2 + patches])


def ast_names(theirs: Tensors, order: Tensor) -> dict[str, Tensor]:
    projection = f"{EMBEDDINGS}.patch_embeddings.projection"
    found = {
        "cls": theirs[f"{EMBEDDINGS}.cls_token"][0, 0],
        "dist": theirs[f"{EMBEDDINGS}.distillation_token"][0, 0],
        "pos": theirs[f"{EMBEDDINGS}.position_embeddings"][0, order],
        "conv.weight": theirs[f"{projection}.weight"].mT,
        "conv.bias": theirs[f"{projection}.bias"],
    }
    table = {
        "audio_spectrogram_transformer.layernorm": "norm",
        "classifier.layernorm": "logits_norm",
        "classifier.dense": "logits",
    }
    layers = layer_table("audio_spectrogram_transformer.layers")
    return found | renamed(theirs, table | layers)


def ast(batch: int, label: str = "", **sizes: int) -> Reference:
    """AST of these sizes on a batch of spectrograms."""
    rng = torch.Generator().manual_seed(2)
    sounds = torch.randn(batch, sizes["T"], sizes["F"], generator=rng)
    order = places(*((sizes[axis] - sizes["p"]) // sizes["s"] + 1 for axis in "TF"))
    return Reference(
        "ast",
        {**sizes, "L": 3, "classes": 7},
        lambda: make_ast(**sizes),
        lambda theirs: ast_names(theirs, order),
        lambda: {"spectrogram": sounds.clone()},
        lambda ours: {"input_values": ours["spectrogram"]},
        lambda output: [each[:, :, order][..., order] for each in output.attentions],
        tuple(
            f"{EMBEDDINGS}.{name}"
            for name in (
                "cls_token",
                "distillation_token",
                "position_embeddings",
                "patch_embeddings.projection.weight",
                "patch_embeddings.projection.bias",
            )
        ),
        label=label,
    )


AST = ast(3, d=30, h=5, f=77, T=21, F=11, p=5, s=3)
SHAPES = (ast(2, d=12, h=2, f=20, T=9, F=17, p=4, s=4, label="of tiles with a margin"),)
