"""DeepseekV3ForCausalLM, reduced: latent attention, dense layers and then experts, padded batches."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

from tests.parity.decoder import USUAL, WORDS, decoder, weights
from tests.parity.reference import Tensors

SIZES = {
    "d": 36, "h": 3, "k": 10, "v": 14, "r": 6, "cq": 22, "ckv": 16, "f": 40, "L": 1, "M": 2,
    "E": 12, "K": 5, "G": 4, "Gk": 2, "fe": 18, "Es": 2, "T": "1..23",
}  # fmt: skip
MAPS = {
    "q_down": "q_a_proj", "q_norm": "q_a_layernorm", "q": "q_b_proj", "kv_norm": "kv_a_layernorm",
    "out": "o_proj",
}  # fmt: skip
FEED = ("gate", "up", "down")


def make(sizes: dict[str, int | str], *, eps: float = 1e-6) -> nn.Module:
    s = {name: int(size) for name, size in sizes.items() if name != "T"}
    return DeepseekV3ForCausalLM(
        DeepseekV3Config(
            hidden_size=s["d"], num_attention_heads=s["h"], num_key_value_heads=s["h"],
            qk_nope_head_dim=s["k"], v_head_dim=s["v"], qk_rope_head_dim=s["r"],
            q_lora_rank=s["cq"], kv_lora_rank=s["ckv"], intermediate_size=s["f"],
            num_hidden_layers=s["L"] + s["M"], first_k_dense_replace=s["L"],
            n_routed_experts=s["E"], num_experts_per_tok=s["K"], n_group=s["G"],
            topk_group=s["Gk"], moe_intermediate_size=s["fe"], n_shared_experts=s["Es"],
            routed_scaling_factor=2.5, vocab_size=101, max_position_embeddings=23,
            rms_norm_eps=eps, num_mtp_layers=0, rope_parameters={
                "rope_type": "default", "rope_theta": 10000.0
            }, attn_implementation="eager", experts_implementation="eager",
        )
    )  # fmt: skip


def names(theirs: Tensors, *, sizes: dict[str, int | str]) -> dict[str, Tensor]:
    """Theirs has the latent and the rotary key from one map, and keys and values from another."""
    h, k, v, c, dense = (int(sizes[name]) for name in ("h", "k", "v", "ckv", "L"))
    table, found = dict(WORDS), dict[str, Tensor]()
    for i in range(dense + int(sizes["M"])):
        layer = f"model.layers.{i}"
        block = f"blocks1.{i}" if i < dense else f"blocks2.{i - dense}"
        attention, mlp = f"{layer}.self_attn", f"{layer}.mlp"
        table |= {f"{block}.norm{n}": f"{layer}.{name}" for n, name in enumerate(USUAL, start=1)}
        table |= {f"{block}.attention.{o}": f"{attention}.{t}" for o, t in MAPS.items()}
        down = theirs[f"{attention}.kv_a_proj_with_mqa.weight"]
        up = theirs[f"{attention}.kv_b_proj.weight"].unflatten(0, (h, k + v))
        found[f"{block}.attention.kv_down.weight"] = down[:c]
        found[f"{block}.attention.k_rope.weight"] = down[c:]
        found[f"{block}.attention.k.weight"] = up[:, :k].flatten(0, 1)
        found[f"{block}.attention.v.weight"] = up[:, k:].flatten(0, 1)
        if i < dense:
            table |= {f"{block}.mlp.{m}": f"{mlp}.{m}_proj" for m in FEED}
            continue
        table[f"{block}.mlp.router"] = f"{mlp}.gate"
        table |= {f"{block}.mlp.shared.{m}": f"{mlp}.shared_experts.{m}_proj" for m in FEED}
        gate, other = theirs[f"{mlp}.experts.gate_up_proj"].chunk(2, dim=1)
        found |= {f"{block}.mlp.gate": gate, f"{block}.mlp.up": other}
        found[f"{block}.mlp.down"] = theirs[f"{mlp}.experts.down_proj"]
    return weights(theirs, table) | found


def deepseek(*rows: tuple[int, int], label: str = "", **other: int):
    sizes = SIZES | other
    return decoder(
        "deepseek-v3", sizes, partial(make, sizes), partial(names, sizes=sizes), rows, label
    )


DEEPSEEK = deepseek((0, 17), (0, 17), (0, 17))
PADDED = (
    deepseek((0, 19), (0, 11), (0, 1), label="padded right"),
    deepseek((0, 13), (5, 13), (12, 13), label="padded left"),
    deepseek((0, 9), (0, 9), k=8, v=14, label="values as wide as keys"),
)
