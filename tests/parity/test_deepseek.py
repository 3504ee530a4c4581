"""DeepSeek-V3's experts alone: our feed-forward against transformers' DeepseekV3MoE."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import DeepseekV3Config
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE

from tests.parity.compare import GRADIENTS, OUTPUTS, functional
from tests.parity.running import gradients, model_of, place, randomise, relative
from tfspec import api
from tfspec.spec.load import load_text

ROUTER = "router: {score: sigmoid, groups: G, top_groups: top, balance: true, scale: 2.5}"
SPEC = """
tfspec: 1
name: experts
dims: {B: batch, T: 1..40, d: 36, f: 22, E: 12, K: 5, G: 4, top: 2, S: 2}
inputs: {x: float B T (d)}
streams:
  s:
    - x
    - ffn: {hidden: f, act: swiglu, bias: false, experts: E, top_k: K, shared: S, ROUTER}
outputs: {y: s}
""".replace("ROUTER", ROUTER)
MUTATIONS = {
    "softmax": ("score: sigmoid", "score: softmax"),
    "no groups": ("groups: G, top_groups: top, ", ""),
    "groups of another size": ("groups: G", "groups: 3"),
    "three groups": ("top_groups: top", "top_groups: 3"),
    "weights that do not sum to 1": ("scale: 2.5", "scale: 2.5, renorm: false"),
    "no scale": (", scale: 2.5", ""),
    "gelu for silu": ("swiglu", "geglu"),
}
IN_CODE = {
    "a group as good as its best": ("topk(2, dim=-1)", "topk(1, dim=-1)"),
    "the worst groups": ("sum(dim=-1).topk(kept", "sum(dim=-1).neg().topk(kept"),
    "balanced weights": ("weights = scores.gather", "weights = (scores + self.balance).gather"),
    "no balance": ("+ self.balance", "+ 0 * self.balance"),
    "nothing shared": ("+ self.shared(x)", "+ 0 * self.shared(x)"),
}


def reference() -> tuple[DeepseekV3MoE, Tensor]:
    torch.manual_seed(3)
    config = DeepseekV3Config(
        hidden_size=36, moe_intermediate_size=22, n_routed_experts=12, num_experts_per_tok=5,
        n_group=4, topk_group=2, n_shared_experts=2, norm_topk_prob=True,
        routed_scaling_factor=2.5, experts_implementation="eager",
    )  # fmt: skip
    moe = DeepseekV3MoE(config).eval()
    randomise(dict(moe.named_parameters()), seed=5)
    moe.gate.e_score_correction_bias.copy_(torch.randn(12) / 5)
    return moe, torch.randn(3, 17, 36)


def ours(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their parameters, or the gradients of these, by our names."""
    gate, up = tensors["experts.gate_up_proj"].chunk(2, dim=1)
    found = {"router.weight": tensors["gate.weight"], "gate": gate, "up": up}
    found["down"] = tensors["experts.down_proj"]
    for name in ("gate", "up", "down"):
        found[f"shared.{name}.weight"] = tensors[f"shared_experts.{name}_proj.weight"]
    return {f"mlp.{name}": tensor for name, tensor in found.items()}


def disagreements(source: str) -> list[str]:
    """What of outputs and gradients differs."""
    theirs, x = reference()
    model = model_of(source)
    learned = dict(theirs.named_parameters())
    placed = place(model, ours({name: p.detach() for name, p in learned.items()}))
    balance = dict(placed.named_buffers()).get("mlp.balance")
    if balance is not None:
        balance.copy_(theirs.gate.e_score_correction_bias)
    found: list[str] = []
    outputs = [run(x) for run in (placed, theirs)]
    for out in outputs:
        functional((out,)).backward()
    if relative(outputs[0], outputs[1]) > OUTPUTS:
        found.append("the output")
    wanted = ours({name: p.grad for name, p in learned.items() if p.grad is not None})
    for name, gradient in gradients(placed, wanted).items():
        if relative(gradient, wanted[name]) > GRADIENTS:
            found.append(f"gradient of {name}")
    return found


def emitted(spec: str, style: str = "fast") -> str:
    return api.Architecture(load_text(spec)).emit(style=style)


@pytest.mark.parametrize("style", ["fast", "explicit"])
def test_equal_to_transformers(style: str) -> None:
    assert disagreements(emitted(SPEC, style)) == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mistake_in_the_spec_is_seen(mutation: str) -> None:
    old, new = MUTATIONS[mutation]
    assert old in SPEC
    assert "the output" in disagreements(emitted(SPEC.replace(old, new)))


@pytest.mark.parametrize("mutation", IN_CODE)
def test_a_mistake_in_the_file_is_seen(mutation: str) -> None:
    old, new = IN_CODE[mutation]
    source = emitted(SPEC)
    assert old in source, source
    assert "the output" in disagreements(source.replace(old, new))


def test_the_balance_is_no_parameter() -> None:
    """It is in the state dict, and no gradient reaches it."""
    spec = api.Architecture(load_text(SPEC))
    model: nn.Module = model_of(spec.emit())
    theirs, _ = reference()
    total = sum(p.numel() for p in theirs.parameters())
    assert "mlp.balance" in model.state_dict()
    assert "mlp.balance" not in dict(model.named_parameters())
    assert sum(p.numel() for p in model.parameters()) == total == spec.check().params
