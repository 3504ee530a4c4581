"""Swin and BERT of transformers: their inputs, and where weights lie."""

from __future__ import annotations

from gpu_peers import Adapted, Sizes
from gpu_weights import Layout, Slot, both
from torch import nn

STAGES = range(1, 5)
SWIN_LAYER = {
    "layernorm_before": "norm1", "layernorm_after": "norm2", "mlp.fc1": "mlp.up",
    "mlp.fc2": "mlp.down", "attention.q_proj": "attention.q", "attention.k_proj": "attention.k",
    "attention.v_proj": "attention.v", "attention.o_proj": "attention.out",
}  # fmt: skip
BIAS = "attention.relative_position_bias.relative_position_bias_table"
BERT_LAYER = {
    "attention.self.query": "attention.q", "attention.self.key": "attention.k",
    "attention.self.value": "attention.v", "attention.output.dense": "attention.out",
    "attention.output.LayerNorm": "norm1", "intermediate.dense": "mlp.up",
    "output.dense": "mlp.down", "output.LayerNorm": "norm2",
}  # fmt: skip


def swin(sizes: Sizes) -> tuple[nn.Module, Layout]:
    from transformers import SwinConfig, SwinForImageClassification

    d, depths = sizes["d"], [sizes[f"L{stage}"] for stage in STAGES]
    config = SwinConfig(
        image_size=(sizes["H"], sizes["W"]), patch_size=sizes["p"], num_channels=sizes["C"],
        embed_dim=d, depths=depths, num_heads=[d * 2**n // sizes["head_dim"] for n in range(4)],
        window_size=sizes["win"], mlp_ratio=float(sizes["r"]), num_labels=sizes["classes"],
        drop_path_rate=0.0, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
    )  # fmt: skip
    top = "model.swin"
    table: dict[str, str | tuple[str, ...]] = {
        f"{top}.embeddings.patch_embeddings.projection": "patch",
        f"{top}.embeddings.norm": "norm1",
        f"{top}.layernorm": "norm5",
        "model.classifier": "logits",
    }
    slots: list[Slot] = []
    for stage in STAGES:
        for i in range(depths[stage - 1]):
            layer, block = f"{top}.encoder.layers.{stage - 1}.blocks.{i}", f"blocks{stage}.{i}"
            table |= {f"{layer}.{name}": f"{block}.{ours}" for name, ours in SWIN_LAYER.items()}
            slots.append(Slot(f"{layer}.{BIAS}", (f"{block}.attention.rel_bias",), True))
    for stage in STAGES[:-1]:
        merge = f"{top}.encoder.layers.{stage - 1}.downsample"
        table[f"{merge}.norm"] = f"norm{stage + 1}"
        slots.append(Slot(f"{merge}.reduction.weight", (f"linear{stage}.weight",)))
    module = Adapted(SwinForImageClassification(config), {"pixels": "pixel_values"})
    return module, Layout((*slots, *both(table)))


def bert(sizes: Sizes) -> tuple[nn.Module, Layout]:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=sizes["d"], num_attention_heads=sizes["h"], num_hidden_layers=sizes["L"],
        intermediate_size=sizes["f"], vocab_size=sizes["V"], max_position_embeddings=sizes["T"],
        type_vocab_size=sizes["kinds"], layer_norm_eps=1e-12, pad_token_id=0,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="sdpa",
    )  # fmt: skip
    top = "model.embeddings"
    tables = {"word": "embed1.weight", "token_type": "embed2.weight", "position": "pos"}
    slots = [Slot(f"{top}.{name}_embeddings.weight", (ours,)) for name, ours in tables.items()]
    table: dict[str, str | tuple[str, ...]] = {
        f"{top}.LayerNorm": "norm",
        "model.pooler.dense": "pooled",
    }
    for i in range(sizes["L"]):
        layer, block = f"model.encoder.layer.{i}", f"blocks.{i}"
        table |= {f"{layer}.{name}": f"{block}.{ours}" for name, ours in BERT_LAYER.items()}
    names = {
        "tokens": "input_ids", "segments": "token_type_ids", "valid": "attention_mask"
    }  # fmt: skip
    gives = ("last_hidden_state", "pooler_output")
    return Adapted(BertModel(config), names, gives), Layout((*slots, *both(table)))


ENCODERS = {"swin-t": swin, "bert-base": bert}
