"""DecisionTransformerModel, reduced, on episodes that are padded left, as its authors pad them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from tests.parity.gpt2 import layer_names
from tests.parity.reference import Reference, Tensors, renamed

HEADS = {"predict_action.0": "next_action", "predict_state": "next_state"}
HEADS |= {"predict_return": "next_return"}
EMBEDDINGS = {"embed_return": "linear1", "embed_state": "linear2", "embed_action": "linear3"}


class NoPlaces(nn.Module):
    """The paper has no positions in the encoder; transformers adds row 0 of a table everywhere."""

    def forward(self, positions: Tensor) -> Tensor:
        return torch.zeros(*positions.shape, 1)


def make_decision(d: int, h: int) -> nn.Module:
    model = DecisionTransformerModel(
        DecisionTransformerConfig(
            hidden_size=d, n_head=h, n_layer=3, n_inner=77, state_dim=7, act_dim=3, max_ep_len=31,
            vocab_size=1, bos_token_id=None, eos_token_id=None, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, activation_function="relu",
            attn_implementation="eager",
        )
    )  # fmt: skip
    model.encoder.wpe = NoPlaces()
    del model.encoder.wte  # a table of words that nothing reads
    return model


def decision_names(theirs: Tensors) -> dict[str, Tensor]:
    table = EMBEDDINGS | HEADS | {"embed_ln": "norm1", "encoder.ln_f": "norm2"}
    found = {"embed.weight": theirs["embed_timestep.weight"]} | renamed(theirs, table)
    return found | layer_names(theirs, "encoder.h")


def inputs() -> dict[str, Tensor]:
    """Episodes of 9, 6 and 1 steps, from different times on."""
    rng = torch.Generator().manual_seed(4)
    first = torch.tensor([[0], [3], [8]])
    return {
        "returns": torch.randn(3, 9, 1, generator=rng),
        "states": torch.randn(3, 9, 7, generator=rng),
        "actions": torch.randn(3, 9, 3, generator=rng),
        "timesteps": (torch.arange(9) + torch.tensor([[2], [20], [11]])) % 31,
        "valid": torch.arange(9) >= first,
    }


def theirs(ours: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        "returns_to_go": ours["returns"],
        "states": ours["states"],
        "actions": ours["actions"],
        "timesteps": ours["timesteps"],
        "attention_mask": ours["valid"].long(),
    }


def results(output: Any) -> tuple[Tensor, ...]:
    return output.action_preds, output.state_preds, output.return_preds


def seen(ours: dict[str, Tensor], n: int) -> Tensor:
    """Where steps are valid, or their three tokens."""
    return ours["valid"] if n == 9 else ours["valid"].repeat_interleave(3, dim=1)


def decision(label: str = "", *, d: int, h: int) -> Reference:
    return Reference(
        "decision-transformer",
        {"d": d, "h": h, "f": 77, "L": 3, "state": 7, "act": 3, "steps": 31, "T": "1..23"},
        lambda: make_decision(d, h),
        decision_names,
        inputs,
        theirs,
        lambda output: list(output.attentions),
        ("embed_timestep.weight", "embed_return.weight", "embed_return.bias"),
        seen=seen,
        results=results,
        label=label,
    )


DECISION = decision(d=30, h=1)
SHAPES = (decision("of five heads", d=20, h=5),)
