"""Llama of transformers: its inputs, and where weights lie."""

from __future__ import annotations

from gpu_peers import Adapted, Sizes
from gpu_weights import Layout, Slot
from torch import nn

MAPS = {
    "self_attn.q_proj": "attention.q", "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v", "self_attn.o_proj": "attention.out",
    "mlp.gate_proj": "mlp.gate", "mlp.up_proj": "mlp.up", "mlp.down_proj": "mlp.down",
    "input_layernorm": "norm1", "post_attention_layernorm": "norm2",
}  # fmt: skip


def llama(sizes: Sizes) -> tuple[nn.Module, Layout]:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=sizes["d"], num_attention_heads=sizes["h"], num_key_value_heads=sizes["g"],
        num_hidden_layers=sizes["L"], intermediate_size=sizes["f"], vocab_size=sizes["V"],
        max_position_embeddings=sizes["T"], rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0}, bos_token_id=0,
        eos_token_id=0, use_cache=False, attn_implementation="sdpa",
    )  # fmt: skip
    table = {
        "model.embed_tokens": "embed",
        "model.norm": "norm",
        "lm_head": "logits",
    }
    for i in range(sizes["L"]):
        layer, block = f"model.layers.{i}", f"blocks.{i}"
        table |= {f"{layer}.{theirs}": f"{block}.{ours}" for theirs, ours in MAPS.items()}
    slots = [Slot(f"model.{name}.weight", (f"{ours}.weight",)) for name, ours in table.items()]
    module = Adapted(LlamaForCausalLM(config), {"tokens": "input_ids"}, use_cache=False)
    return module, Layout(tuple(slots))


LLAMA = {"llama-3-8b": llama}
