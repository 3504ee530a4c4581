"""Mixtral of transformers, of which tools alone are asked: no GPU of the battery holds it."""

from __future__ import annotations

from gpu_inputs import INPUTS
from gpu_models import TRANSFORMERS
from gpu_peers import Adapted, Sizes
from gpu_weights import Layout
from torch import nn


def mixtral(sizes: Sizes) -> tuple[nn.Module, Layout]:
    """Without a layout: its weights are not set.

    Experts as batched products, which run on the meta device: grouped ones take bf16 alone there,
    and a loop over experts asks for numbers.
    """
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(
        hidden_size=sizes["d"], num_attention_heads=sizes["h"], num_key_value_heads=sizes["g"],
        num_hidden_layers=sizes["L"], intermediate_size=sizes["f"], vocab_size=sizes["V"],
        num_local_experts=sizes["E"], num_experts_per_tok=sizes["K"],
        max_position_embeddings=sizes["T"], rms_norm_eps=1e-5, bos_token_id=0, eos_token_id=0,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}, use_cache=False,
        attn_implementation="sdpa", experts_implementation="batched_mm",
    )  # fmt: skip
    module = Adapted(MixtralForCausalLM(config), {"tokens": "input_ids"}, use_cache=False)
    return module, Layout(())


MODELS = TRANSFORMERS | {"mixtral-8x7b": mixtral}
GIVEN = INPUTS | {"mixtral-8x7b": INPUTS["llama-3-8b"]}
