"""Queries and keys normed over all heads together, against OLMo 2 whole; with a cache; and costs."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from transformers import Olmo2Config, Olmo2ForCausalLM

import tfspec
from tests.cost.counted import miscounted, sizes
from tests.memory.live import differences, small_sizes
from tests.memory.measure import DTYPES, STYLES, wrong
from tests.parity.compare import GRADIENTS, OUTPUTS, functional
from tests.parity.running import randomise, relative, run_file
from tests.test_modes import assert_equal_at_every_position, stepped
from tests.test_score_bias import drawn
from tests.time import measured
from tfspec.api import Architecture
from tfspec.passes.emit.emit import program_of
from tfspec.program.program import Precision, Style
from tfspec.runtime.weights import pack
from tfspec.spec.load import load_text

TEXT = """\
tfspec: 1
name: olmo-2
dims: {B: batch, T: 1..16, V: 50, d: 24, h: 4, g: 2, f: 32, L: 2}
inputs: {tokens: ids(V) B T}
blocks:
  layer:
    norm: {kind: rms, at: out, eps: 1e-5}
    bias: false
    do:
      - attend: {heads: h, kv_heads: g, qk_norm: {over: full, kind: rms, eps: 1e-5}, rope: 500000, mask: causal}
      - ffn: {hidden: f, act: silu, gated: true}
streams:
  text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}, {norm: {kind: rms, eps: 1e-5}}]
outputs:
  logits: [text, {linear: {width: V, bias: false}}]
"""
NAMES = {
    r"embed\.": "model.embed_tokens.", r"norm\.": "model.norm.", r"(linear|logits)\.": "lm_head.",
    r"blocks\.(\d)\.attention\.([qkv])\.": r"model.layers.\1.self_attn.\2_proj.",
    r"blocks\.(\d)\.attention\.out\.": r"model.layers.\1.self_attn.o_proj.",
    r"blocks\.(\d)\.attention\.([qk])_norm\.": r"model.layers.\1.self_attn.\2_norm.",
    r"blocks\.(\d)\.norm1\.": r"model.layers.\1.post_attention_layernorm.",
    r"blocks\.(\d)\.norm2\.": r"model.layers.\1.post_feedforward_layernorm.",
    r"blocks\.(\d)\.mlp\.(gate|up|down)\.": r"model.layers.\1.mlp.\2_proj.",
}  # fmt: skip


def olmo() -> Olmo2ForCausalLM:
    config = Olmo2Config(
        vocab_size=50, hidden_size=24, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0}, rms_norm_eps=1e-5,
        attn_implementation="eager", pad_token_id=None,
    )  # fmt: skip
    model = Olmo2ForCausalLM(config).eval()
    with torch.no_grad():
        randomise(dict(model.named_parameters()), 3)
    return model


def theirs(name: str) -> str:
    """Our weight's name as theirs."""
    for ours, other in NAMES.items():
        found, count = re.subn(f"^{ours}", other, name)
        if count:
            return found
    raise KeyError(name)


def check(style: Style, old: str = "", new: str = "") -> None:
    """Logits and every gradient, against theirs."""
    architecture, model = Architecture(load_text(TEXT)), olmo()
    known = dict(model.named_parameters())
    weights = {name: known[theirs(name)] for name in drawn(architecture, style)}
    assert len(weights) == len(known)
    tokens = torch.randint(50, (3, 11), generator=torch.Generator().manual_seed(7))
    source = architecture.emit(style=style)
    assert old in source
    packed = pack(program_of(architecture.semantics, style=style), weights)
    out = functional_call(run_file(source.replace(old, new)).build(), packed, (tokens,))
    wanted: Tensor = model(tokens).logits
    assert relative(out, wanted) <= OUTPUTS
    both = (torch.autograd.grad(functional((y,)), [*weights.values()]) for y in (out, wanted))
    for name, a, b in zip(weights, *both, strict=True):
        assert (a - b).norm() <= GRADIENTS * b.norm(), name


@pytest.mark.parametrize("style", STYLES)
def test_it_is_olmo_2(style: Style) -> None:
    check(style)


MISTAKES = {
    "keys as they are": ("k = self.k_norm(k)", "k = k"),
    "queries without a gain": ("q = self.q_norm(q)", "q = F.rms_norm(q, (24,), eps=1e-05)"),
    "another eps": ("self.k_norm = nn.RMSNorm(12, eps=1e-05)", "self.k_norm = nn.RMSNorm(12, eps=1e-01)"),
    "each head by itself": (
        "q = self.q_norm(q)",
        "q = F.rms_norm(q.unflatten(-1, (-1, 6)), (6,), eps=1e-05).flatten(-2) * self.q_norm.weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_seen(mistake: str) -> None:
    with pytest.raises(AssertionError, match=r"^(assert tensor|assert \d|blocks)"):
        check("fast", *MISTAKES[mistake])


@torch.no_grad()
def test_with_a_cache() -> None:
    net = run_file(Architecture(load_text(TEXT)).emit(parts=("generate",))).build().eval()
    randomise(dict(net.named_parameters()), 1)
    text = torch.randint(50, (2, 14))
    logits = stepped(net, net.cache(2, 15), text, (5, 6, 7, 11, 14))
    assert_equal_at_every_position(logits, net(text), 5)


@pytest.mark.parametrize("style", STYLES)
def test_costs_are_what_torch_counts(style: Style) -> None:
    architecture = Architecture(load_text(TEXT))
    assert wrong(architecture, style) == []
    assert [*miscounted(architecture, sizes(architecture, 1), style=style)] == []


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_peak(style: Style, dtype: Precision) -> None:
    architecture = Architecture(load_text(TEXT))
    assert differences(architecture, style, dtype, small_sizes(architecture)) == []


def test_bytes_that_move() -> None:
    """On a CPU an RMS norm is several kernels; a layer norm is one."""
    architecture = Architecture(load_text(TEXT.replace("rms", "layer")))
    made = tfspec.build(architecture)
    moves = measured.forward(made, measured.given_to(architecture.semantics))
    assert moves.total() == measured.counted(architecture.semantics, "forward", "forward")
