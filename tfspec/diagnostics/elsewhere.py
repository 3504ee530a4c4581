"""What other libraries and papers call it, by what it is called in a spec."""

from __future__ import annotations

from functools import cache

ELSEWHERE = {
    # steps
    "norm": "layernorm layer_norm ln rmsnorm rms_norm normalization norm_first prenorm pre_norm",
    "attend": "attention attn self_attention self_attn multihead_attention mha cross_attention",
    "ffn": "mlp feedforward feed_forward fc",
    "par": "parallel",
    "embed": "embedding embed_tokens tok_emb wte",
    "linear": "dense projection proj lm_head",
    "patch": "patchify patch_embed patch_embedding",
    "merge": "patch_merging pixel_unshuffle space_to_depth",
    "split": "pixel_shuffle depth_to_space",
    "prepend": "cls_token class_token",
    "pos": "position positions positional pos_embed position_embedding wpe",
    "pool": "mean_pool avg_pool average_pool global_pool",
    "sum": "add",
    "concat": "cat concatenate",
    # sections and blocks
    "tfspec": "version",
    "dims": "config sizes hparams hyperparameters dimensions symbols",
    "streams": "model encoder decoder architecture network",
    "do": "layers branches sublayers modules",
    "blocks": "layers modules",
    "stack": "repeat layers",
    # knobs
    "width": "dim d_model model_dim embed_dim embedding_dim hidden_dim hidden_size n_embd units "
    "out out_dim out_features dim_out features",
    "heads": "num_heads n_head n_heads num_attention_heads nhead",
    "kv_heads": "num_kv_heads n_kv_heads num_key_value_heads groups num_query_groups",
    "head_dim": "dim_head d_head d_k head_size head_width size_per_head",
    "hidden": "hidden_size d_ff dim_feedforward intermediate_size mlp_dim n_inner ffn_dim "
    "mlp_ratio",
    "depth": "num_layers n_layers n_layer num_hidden_layers times repeats num_blocks",
    "of": "block layer",
    "act": "activation activation_function hidden_act",
    "eps": "epsilon layer_norm_eps rms_norm_eps layer_norm_epsilon",
    "mask": "causal is_causal attn_mask attention_mask key_padding_mask sliding_window",
    "to": "kv source memory context cross key_value_states encoder_hidden_states",
    "rope": "rope_theta rotary rotary_emb rotary_dim rope_base",
    "base": "theta rope_theta",
    "partial": "partial_rotary_factor rotary_pct",
    "scaling": "rope_scaling",
    "softcap": "attn_logit_softcapping logit_softcapping final_logit_softcapping",
    "qk_norm": "qk_layernorm use_qk_norm",
    "rel_bias": "relative_attention_bias relative_position_bias rel_pos_bias",
    "share": "tie tied tie_weights tie_embeddings tie_word_embeddings",
    "bias": "qkv_bias attention_bias use_bias",
    "dropout": "p attention_dropout attention_probs_dropout_prob attn_pdrop resid_pdrop "
    "hidden_dropout_prob dropout_rate",
    "drop_path": "stochastic_depth",
    "layerscale": "layer_scale ls_init",
    "experts": "num_experts n_experts num_local_experts n_routed_experts",
    "top_k": "num_experts_per_tok",
    "gated": "glu",
    "std": "initializer_range init_std stddev",
    # choices
    "gelu_tanh": "gelu_new gelu_fast gelu_pytorch_tanh",
    "silu": "swish",
    "layer": "layernorm layer_norm ln",
    "rms": "rmsnorm rms_norm",
    "mean": "avg average",
    "sinusoidal": "sincos sine fixed",
    "pre": "before prenorm",
    "post": "after postnorm",
    "none": "full bidirectional all dense no_mask",
}


@cache
def _ours() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for ours, others in ELSEWHERE.items():
        for name in others.split():
            found.setdefault(name, []).append(ours)
    return found


def called_here(name: str) -> list[str]:
    """What a name from elsewhere may be called in a spec, the likeliest first."""
    return _ours().get(name.lower(), [])
