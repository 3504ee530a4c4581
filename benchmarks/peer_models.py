"""Mixtral and CLIP of transformers, of which tools alone are asked: no part of the battery is
about them."""

from __future__ import annotations

from gpu_inputs import INPUTS, Inputs, placed_on
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


def clip(sizes: Sizes) -> tuple[nn.Module, Layout]:
    """Without a layout, as above."""
    from transformers import CLIPConfig, CLIPModel

    layers, ratio, head = sizes["L"], sizes["r"], sizes["head_dim"]
    vision, text = (
        {"hidden_size": width, "intermediate_size": ratio * width, "num_hidden_layers": layers,
         "num_attention_heads": width // head}
        for width in (sizes["d"], sizes["e"])
    )  # fmt: skip
    vision |= {
        "image_size": sizes["H"], "patch_size": sizes["p"], "num_channels": sizes["C"],
    }  # fmt: skip
    end = sizes["V"] - 1
    text |= {
        "vocab_size": sizes["V"], "max_position_embeddings": sizes["T"],
        "eos_token_id": end, "bos_token_id": end - 1, "pad_token_id": 0,
    }  # fmt: skip
    config = CLIPConfig(
        text_config=text, vision_config=vision, projection_dim=sizes["e"],
        attn_implementation="sdpa",
    )  # fmt: skip
    names = {"tokens": "input_ids", "pixels": "pixel_values"}
    return Adapted(CLIPModel(config), names, ("logits_per_text",)), Layout(())


def captioned(sizes: Sizes, load: Sizes, seed: int, padded: bool, device: str) -> Inputs:
    """Images, and texts that end at their last token."""
    found = INPUTS["gpt2"](sizes, load, seed, padded, "cpu")
    found["tokens"][:, -1] = sizes["V"] - 1
    found |= INPUTS["vit-b16"](sizes, load, seed, padded, "cpu")
    return placed_on(device, found)


MODELS = TRANSFORMERS | {"mixtral-8x7b": mixtral, "clip-vit-b32": clip}
GIVEN = INPUTS | {"mixtral-8x7b": INPUTS["llama-3-8b"], "clip-vit-b32": captioned}
