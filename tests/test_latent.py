"""Latent attention: what a cache keeps, what decoding computes, and forms that DeepSeek-V3 has not."""

from __future__ import annotations

import pytest
import torch

import tfspec
from tests.parity.compare import answer
from tests.parity.deepseek import DEEPSEEK
from tests.parity.reference import tokens
from tests.parity.running import place, randomise, run_file
from tests.test_modes import STYLES, assert_equal_at_every_position, stepped
from tfspec import api
from tfspec.spec.load import load_text

SPEC = """\
tfspec: 1
name: toy
dims: {B: batch, T: 1..16, V: 50, d: 12, h: 3}
inputs: {tokens: ids(V) B T}
blocks:
  layer:
    norm: {at: pre}
    do:
      - attend: {heads: h, bias: [out], mask: causal, latent: {kv: 7}}
      - ffn: {hidden: 2 * width, act: gelu}
streams:
  text: [tokens, {embed: d}, {pos: learned}, {stack: {of: layer, depth: 2}}, norm]
outputs:
  logits: [text, {linear: V}]
"""
FORMS = {
    "no rotary key": ("mask: causal", "mask: causal"),
    "queries by a latent": ("{kv: 7}", "{q: 5, kv: 7}"),
    "a rotary key, queries without a latent": ("{kv: 7}", "{kv: 7, rope: 4}, rope: 100"),
    "as many features that turn as others": ("{kv: 7}", "{kv: 4, rope: 4}, rope: 100"),
    "a window": ("mask: causal", "mask: causal and within(3)"),
    "a scale": ("mask: causal", "mask: causal, scale: 0.3"),
    "a cap of scores": ("mask: causal", "mask: causal, softcap: 2"),
    "a bias by distance": ("mask: causal", "mask: causal, alibi: true"),
    "wide values": ("mask: causal", "mask: causal, v_head_dim: 9"),
}


def changed(form: str) -> api.Architecture:
    old, new = FORMS[form]
    assert old in SPEC
    return api.Architecture(load_text(SPEC.replace(old, new)))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_decoding_equals_the_forward(form: str, style: str) -> None:
    """Keys are not made again of what is kept; their map is absorbed by the queries."""
    model = run_file(changed(form).emit(style=style, parts=("generate",))).build().eval()
    randomise(dict(model.named_parameters()), seed=7)
    text = tokens(16, 2, 16) % 50
    logits = stepped(model, model.cache(2, 16), text, [4, 5, 6, 9, 16])
    assert_equal_at_every_position(logits, model(text), 4)


@pytest.mark.parametrize("slots", [1, 100, 4096])
def test_the_cache_is_a_latent_and_a_rotary_key_a_token(slots: int) -> None:
    """In bf16 2·S·(512 + 64) bytes a layer: DeepSeek-AI 2024 (arXiv 2405.04434), table 1."""
    cost = tfspec.load("deepseek-v3", {"B": 1, "T": slots}).cost("decode", dtype="bf16")
    (cache,) = [each.value for each in cost.memory if each.name == "cache"]
    assert cache == 61 * 2 * slots * (512 + 64)


def test_a_budget_of_the_cache_holds() -> None:
    """Full heads would be 2·128·(192 + 128) bytes a token and layer, 71 times as much."""
    (spec,) = api.load("deepseek-v3").loaded.sources.values()
    for limit, ok in ((61 * 2 * 576, True), (61 * 2 * 576 - 1, False)):
        text = spec.replace("expect: {", f"expect: {{max_cache_bytes_per_token: {limit}, ")
        assert api.Architecture(load_text(text)).check().ok is ok


def test_decoding_needs_no_more_than_it_computes() -> None:
    for mode in ("forward", "prefill", "decode"):
        cost = tfspec.load("deepseek-v3", {"T": 64}).cost(mode)
        assert cost.number(cost.work.needed) <= cost.number(cost.work.forward)


MISTAKES = {
    "the latent is kept unnormed": ("torch.cat((latent, k_rope)", "torch.cat((kv_down, k_rope)"),
    "the rotary key is in front": ("torch.cat((latent, k_rope)", "torch.cat((k_rope, latent)"),
    "another scale": ("scale=0.25", "scale=0.3"),
    "values are latents of other features": ("v = k[..., :16]", "v = k[..., 6:]"),
    "the values' map for the keys": ("q @ self.k.weight", "q @ self.v.weight[:30]"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_in_decoding_is_seen(mistake: str) -> None:
    old, new = MISTAKES[mistake]
    source = DEEPSEEK.architecture.emit(parts=("generate",))
    at = source.index("    def decode(")
    assert old in source[at:]
    source = source[:at] + source[at:].replace(old, new)
    model = place(run_file(source).build(), answer(DEEPSEEK).weights).eval()
    text = tokens(11, 3, 9)
    logits = stepped(model, model.cache(3, 9), text, range(6, 10))
    with pytest.raises(AssertionError, match="position"):
        assert_equal_at_every_position(logits, model(text), 6)
