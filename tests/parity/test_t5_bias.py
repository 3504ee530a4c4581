"""A small T5 with tables of relative positions that layers share, against transformers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from transformers import T5Config, T5ForConditionalGeneration

from tests.parity.compare import GRADIENTS, OUTPUTS, functional
from tests.parity.reference import tokens
from tests.parity.running import randomise, relative, run_file
from tfspec.api import Architecture
from tfspec.passes.emit.emit import program_of
from tfspec.runtime.weights import pack
from tfspec.spec.load import load_text

DRAFT = (Path(__file__).parents[1] / "drafts" / "t5-base.yaml").read_text("utf-8")
SPEC = DRAFT.replace("depth: 12", "depth: 2").replace("32, max: 128", "8, max: 6")
SETS: dict[str, int | str] = {"d": 20, "h": 5, "V": 100}


@cache
def architecture() -> Architecture:
    return Architecture(load_text(SPEC), SETS)


@cache
def reference() -> T5ForConditionalGeneration:
    config = T5Config(
        vocab_size=100, d_model=20, d_kv=4, d_ff=80, num_layers=2, num_heads=5,
        relative_attention_num_buckets=8, relative_attention_max_distance=6, dropout_rate=0.0,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config).eval()
    randomise(dict(model.named_parameters()), seed=7)
    return model


def names() -> dict[str, str]:
    """Our name of each of their weights."""
    found = {"shared": "words"}
    sides = {"encoder": ("memory", "near"), "decoder": ("text", "past")}
    for side, (ours, table) in sides.items():
        first = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias"
        found |= {first: table, f"{side}.final_layer_norm": f"{ours}_norm"}
        branches = ["SelfAttention", *(["EncDecAttention"] if side == "decoder" else []), "Dense"]
        for layer in range(2):
            for at, branch in enumerate(branches):
                theirs, own = f"{side}.block.{layer}.layer.{at}", f"{ours}_blocks.{layer}"
                found[f"{theirs}.layer_norm"] = f"{own}.norm{at + 1}"
                if branch == "Dense":
                    found[f"{theirs}.DenseReluDense.wi"] = f"{own}.mlp.up"
                    found[f"{theirs}.DenseReluDense.wo"] = f"{own}.mlp.down"
                    continue
                module = "attention" if branch == "SelfAttention" else "cross"
                for old, new in zip("qkvo", ("q", "k", "v", "out"), strict=True):
                    found[f"{theirs}.{branch}.{old}"] = f"{own}.{module}.{new}"
    return found


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Sources of 11, 7 and 1 tokens, and targets of 9."""
    valid = torch.arange(11) < torch.tensor([[11], [7], [1]])
    return tokens(1, 3, 11), tokens(2, 3, 9), valid


def differences(source: str, style: str, swapped: bool = False) -> list[str]:
    """Where logits or gradients differ from those of transformers."""
    theirs = reference()
    learned = dict(theirs.named_parameters())
    ours = {f"{own}.weight": learned[f"{old}.weight"] for old, own in names().items()}
    given = dict(ours)
    if swapped:
        given["near.weight"], given["past.weight"] = ours["past.weight"], ours["near.weight"]
    assert len(ours) == len(learned)
    text, target, valid = inputs()
    want = theirs(input_ids=text, attention_mask=valid.long(), decoder_input_ids=target).logits
    model = run_file(source).build().eval()
    state = pack(program_of(architecture().graph, style=style), given)
    logits = functional_call(model, state, (text, target, valid))
    found = [] if relative(logits, want) <= OUTPUTS else ["logits"]
    pairs = (torch.autograd.grad(functional((y,)), list(ours.values())) for y in (logits, want))
    for name, a, b in zip(ours, *pairs, strict=True):
        if not relative(a, b) <= GRADIENTS:
            found.append(name)
    return found


@pytest.mark.parametrize("style", ["fast", "explicit"])
def test_equal_to_transformers(style: str) -> None:
    assert differences(architecture().emit(style=style), style) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("positions - positions[:, None]", "positions[:, None] - positions"),
        ("half * (offsets > 0)", "half * (offsets < 0)"),
        ("8, 6)", "8, 7)"),
        (".clamp(max=half - 1)", ".clamp(max=half - 2)"),
        ("(-offsets).clamp(min=0)", "offsets.clamp(min=0)"),
    ],
)
def test_a_change_of_the_file_is_seen(old: str, new: str) -> None:
    source = architecture().emit()
    assert old in source
    assert "logits" in differences(source.replace(old, new), "fast")


def test_another_table_is_seen() -> None:
    assert "logits" in differences(architecture().emit(), "fast", swapped=True)
