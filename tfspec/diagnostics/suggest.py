"""Did you mean: the known name that is nearest to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 64  # difflib's work grows with the product of the lengths


ELSEWHERE = {
    "norm": "layernorm layer_norm ln rmsnorm rms_norm normalization",
    "attend": "attention attn self_attention multihead_attention mha cross_attention",
    "ffn": "mlp feedforward feed_forward fc",
    "par": "parallel",
    "embed": "embedding tok_emb wte",
    "linear": "dense projection lm_head",
    "pos": "position positions positional pos_embed position_embedding wpe",
    "stack": "repeat layers",
    "concat": "cat",
    "heads": "num_heads n_head n_heads num_attention_heads nhead",
    "kv_heads": "num_kv_heads n_kv_heads num_key_value_heads groups",
    "hidden": "hidden_size d_ff dim_feedforward intermediate_size mlp_dim",
    "depth": "num_layers n_layers n_layer num_hidden_layers",
    "act": "activation activation_function hidden_act",
    "eps": "epsilon layer_norm_eps rms_norm_eps",
    "gelu_tanh": "gelu_new gelu_fast gelu_pytorch_tanh",
}
"""What other libraries call it, by what it is called in a spec."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is near. Case matters little."""
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in sorted(known, reverse=True)}
    for ours, others in ELSEWHERE.items():
        if ours in by_lower and name.lower() in others.split():
            return ours
    if len(name) > _LONGEST:
        return None
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None
