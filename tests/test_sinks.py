"""Sinks of attention against gpt-oss's attention and the definition, and with a cache."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from transformers.models.gpt_oss.configuration_gpt_oss import GptOssConfig
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssAttention, GptOssRotaryEmbedding

from tests.cost.counted import miscounted, sizes
from tests.memory.live import small_sizes
from tests.memory.measure import STYLES, wrong
from tests.memory.partition import cut_step
from tests.parity.compare import GRADIENTS, OUTPUTS, functional
from tests.parity.reference import tokens
from tests.parity.running import randomise, relative, run_file
from tests.test_modes import assert_equal_at_every_position, stepped
from tests.test_score_bias import drawn
from tfspec.api import Architecture
from tfspec.passes.emit.emit import program_of
from tfspec.passes.memory.compiled import kept_compiled
from tfspec.program.program import Style
from tfspec.runtime.weights import pack
from tfspec.spec.load import load_text
from tfspec.symbolic import sym

LAYER = """\
tfspec: 1
name: toy
dims: {{B: batch, T: 1..12, d: 20, h: 6, g: 3, k: 4}}
inputs: {{x: float B T (d)}}
streams:
  y: [x, {{attend: {{heads: h, kv_heads: g, head_dim: k, rope: 150000, sinks: true, mask: {mask}}}}}]
outputs: {{out: y}}
"""
MASKS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "causal": lambda query, key: key <= query,
    "causal and within(4)": lambda query, key: (key <= query) & (query - key < 4),
}
B, T = 3, 11


def layer(mask: str) -> Architecture:
    return Architecture(load_text(LAYER.format(mask=mask)))


def theirs(mask: str, weights: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """gpt-oss's attention with our weights: what comes out, and its map."""
    config = GptOssConfig(
        hidden_size=20, num_attention_heads=6, num_key_value_heads=3, head_dim=4,
        rope_parameters={"rope_type": "default", "rope_theta": 150000.0}, num_hidden_layers=1,
        attn_implementation="eager",
    )  # fmt: skip
    places = torch.arange(T)
    hidden = ~MASKS[mask](places[:, None], places)
    added = torch.zeros(1, 1, T, T).masked_fill(hidden, torch.finfo(torch.float32).min)
    turns = GptOssRotaryEmbedding(config)(x, places[None])
    names = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "o_proj"}
    given = {"sinks": weights["attention.sinks"]}
    for ours, name in names.items():
        for kind in ("weight", "bias"):
            given[f"{name}.{kind}"] = weights[f"attention.{ours}.{kind}"]
    return functional_call(GptOssAttention(config, 0), given, (x, turns, added))


def ours(
    source: str, architecture: Architecture, style: str, weights: dict[str, Tensor], x: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Our file with these weights: what comes out, and its map, where it has one."""
    maps: list[Tensor] = []
    packed = pack(program_of(architecture.semantics, style=style), weights)
    keywords = {"maps": maps} if "maps" in source else {}
    out = functional_call(run_file(source).build(), packed, (x,), keywords)
    return out, (maps[0] if maps else None)


def check(mask: str, style: str, old: str = "", new: str = "") -> None:
    """Output, map and every gradient against gpt-oss's attention."""
    architecture = layer(mask)
    weights = drawn(architecture, style)
    x = torch.randn(B, T, 20, generator=torch.Generator().manual_seed(5)).requires_grad_()
    source = architecture.emit(style=style)
    assert old in source
    found, seen = ours(source.replace(old, new), architecture, style, weights, x)
    wanted, weighed = theirs(mask, weights, x)
    assert relative(found, wanted) <= OUTPUTS, "the output"
    assert seen is not None
    assert relative(seen, weighed) <= OUTPUTS, "the map"
    asked = [*weights.values(), x]
    both = (torch.autograd.grad(functional((y,)), asked) for y in (found, wanted))
    for name, a, b in zip([*weights, "x"], *both, strict=True):
        assert (a - b).norm() <= GRADIENTS * b.norm(), name


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mask", MASKS)
def test_it_is_the_attention_of_gpt_oss(mask: str, style: str) -> None:
    check(mask, style)


MISTAKES = {
    "no share for the sink": ("scores.softmax(dim=-1)[..., :-1]", "scores[..., :-1].softmax(dim=-1)"),
    "the sink's own sign": ("self.sinks[:, None, None]", "-self.sinks[:, None, None]"),
    "one sink for all": ("self.sinks[:, None, None]", "self.sinks.mean().expand(6)[:, None, None]"),
    "a sink that does not learn": ("self.sinks[:, None, None]", "self.sinks.detach()[:, None, None]"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str) -> None:
    with pytest.raises((AssertionError, RuntimeError)):
        check("causal", "fast", *MISTAKES[mistake])


# ---- other places

SPEC = """\
tfspec: 1
name: toy
dims: {{B: batch, T: 2..9, S: 2..9, d: 12, h: 4}}
inputs: {{x: float B T (d), z: float B S (d), ok: bool B S}}
streams:
  y: [x, {{attend: {{heads: h, sinks: true, {knobs}}}}}]
  w: [z, {{attend: {{heads: 2, mask: key.ok}}}}]
outputs: {{out: y, other: w}}
"""
PLACES = {
    "another value": "to: z",
    "a value of which all may be hidden": "to: z, mask: key.ok",
    "bounded and biased": "softcap: 2, rel_bias: [T], kv_heads: 2",
    "by distance": "alibi: true, mask: causal",
    "a latent": "latent: {kv: 6}, bias: false",
    "dropout": "dropout: 0.2, mask: causal",
}


def place(what: str) -> Architecture:
    return Architecture(load_text(SPEC.format(knobs=PLACES[what])))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("what", PLACES)
def test_what_is_saved_and_computed_is_as_told(what: str, style: Style) -> None:
    architecture = place(what)
    assert wrong(architecture, style) == []
    assert [*miscounted(architecture, sizes(architecture, 0), style=style)] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("default", "ignore::DeprecationWarning")
@pytest.mark.parametrize("what", [None, "bounded and biased"])
def test_what_a_compiled_step_keeps_is_as_told(what: str | None) -> None:
    architecture = layer("causal") if what is None else place(what)
    at = small_sizes(architecture) | {"T": 7}
    told = kept_compiled(architecture.semantics, dtype="bf16", sizes=at).bytes
    assert cut_step(architecture, at, "bf16").bytes == told


@pytest.mark.parametrize("style", STYLES)
def test_a_query_without_a_key_gives_0(style: str) -> None:
    """Its weight is the sink's, and its gradients are numbers."""
    architecture = place("a value of which all may be hidden")
    net = run_file(architecture.emit(style=style)).build()
    randomise(dict(net.named_parameters()), seed=1)
    x, z = torch.randn(2, 5, 12), torch.randn(2, 4, 12)
    ok = torch.tensor([[True, False, True, True], [False] * 4])
    found = net(x, z, ok)[0]
    assert torch.equal(found[1], net.y_cross.out.bias.expand(5, 12))
    found.sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in net.parameters())


# ---- with a cache

TEXT = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..16, V: 50, d: 12, h: 3}
inputs: {tokens: ids(V) B T}
blocks:
  far:
    norm: {at: pre}
    do:
      - attend: {heads: h, kv_heads: 1, sinks: true, mask: causal, rope: 100}
      - ffn: {hidden: 2 * width, act: gelu}
  near: {extends: far, attend: {mask: causal and within(3)}}
  low:
    norm: {at: pre}
    bias: false
    do: [attend: {heads: h, latent: {kv: 8}, sinks: true, mask: causal}]
streams:
  text: [tokens, {embed: d}, {stack: {of: [near, far, low], depth: 6}}, norm]
outputs:
  logits: [text, {linear: V}]
"""


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_decode_equals_the_forward(style: str) -> None:
    net = run_file(Architecture(load_text(TEXT)).emit(style=style, parts=("generate",))).build()
    randomise(dict(net.named_parameters()), seed=2)
    text = tokens(3, 2, 14) % 50
    logits = stepped(net.eval(), net.cache(2, 15), text, (5, 6, 7, 11, 14))
    assert_equal_at_every_position(logits, net(text), 5)


# ---- where it is said


def test_it_is_said_and_drawn() -> None:
    plain = LAYER.replace("sinks: true, ", "").format(mask="causal")
    architecture, without = layer("causal"), Architecture(load_text(plain))
    assert architecture.semantics.params == without.semantics.params + sym("h")
    assert '"""Grouped-query self-attention, with a sink a head."""' in architecture.emit()
    assert "sinks" in architecture.draw().svg()
    assert "sinks" not in without.draw().svg()
