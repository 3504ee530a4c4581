"""Positions that an attention adds to queries and keys: DETR's, of either side, and with a cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import DetrConfig, ResNetConfig
from transformers.models.detr.modeling_detr import DetrDecoder, DetrEncoder, DetrMLPPredictionHead

import tfspec
from tests.cost.counted import miscounted, sizes
from tests.draw.picture import picture, wrong
from tests.memory.live import small_sizes
from tests.memory.measure import STYLES
from tests.memory.measure import wrong as wrongly_saved
from tests.memory.partition import cut_step
from tests.parity.compare import OUTPUTS, functional
from tests.parity.reference import tokens
from tests.parity.running import randomise, relative, run_file
from tests.test_modes import assert_equal_at_every_position
from tests.test_score_bias import drawn
from tfspec.api import Architecture
from tfspec.passes.draw.wiring import wiring
from tfspec.passes.emit.emit import program_of
from tfspec.passes.memory.compiled import kept_compiled
from tfspec.program.program import Style
from tfspec.runtime.weights import pack
from tfspec.spec.load import load_text

EXAMPLE = Path(__file__).parents[1] / "examples" / "detr.yaml"
SMALL = {"C": 9, "d": 16, "h": 4, "f": 24, "L": 2, "R": 6, "K": 5}
B, H, W = 2, 3, 5
PARAMS = 18_069_856
"""Of transformers' encoder, decoder, boxes' head and classes at their default sizes, the map of
2048 features to 256, and 100 queries."""


def config(**sizes: int) -> DetrConfig:
    return DetrConfig(
        use_timm_backbone=False, backbone=None, backbone_config=ResNetConfig(),
        attn_implementation="eager", dropout=0.0, **sizes,
    )  # fmt: skip


class Detr(nn.Module):
    """transformers' encoder and decoder, fed as its model feeds them."""

    def __init__(self, config: DetrConfig, features: int, classes: int) -> None:
        super().__init__()
        d = config.d_model
        self.project = nn.Linear(features, d)
        self.queries = nn.Parameter(torch.zeros(config.num_queries, d))
        self.encoder, self.decoder = DetrEncoder(config), DetrDecoder(config)
        self.classes, self.boxes = nn.Linear(d, classes), DetrMLPPredictionHead(d, d, 4, 3)

    def forward(self, features: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        x = self.project(features.flatten(2).transpose(1, 2))
        seen, places = valid.flatten(1).long(), grid(x.shape[-1])[None]
        memory = self.encoder(x, seen, places).last_hidden_state
        queries = self.queries.expand(len(x), -1, -1)
        found = self.decoder(
            torch.zeros_like(queries), encoder_hidden_states=memory, encoder_attention_mask=seen,
            spatial_position_embeddings=places, object_queries_position_embeddings=queries,
        ).last_hidden_state  # fmt: skip
        return self.classes(found), self.boxes(found).sigmoid()


def grid(width: int) -> Tensor:
    """Half of the features for the row, half for the column: sines and cosines in turns."""
    rows = torch.zeros(H * W, width, dtype=torch.float64)
    for at in range(H * W):
        for feature in range(width):
            axis, place = divmod(feature, width // 2)
            pair, cosine = divmod(place, 2)
            angle = divmod(at, W)[axis] / 10000 ** (2 * pair / (width // 2))
            rows[at, feature] = math.cos(angle) if cosine else math.sin(angle)
    return rows


MAPS = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "o_proj"}
STEPS = {
    "attention": "self_attn",
    "cross": "encoder_attn",
    "mlp.up": "mlp.fc1",
    "mlp.down": "mlp.fc2",
}
NORMS = {
    "encoder": ("self_attn_layer_norm", "final_layer_norm"),
    "decoder": ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"),
}
TOP = {
    "memory_linear": "project",
    "objects_norm": "decoder.layernorm",
    "classes": "classes",
    **{f"boxes{at + 1}": f"boxes.layers.{at}" for at in range(3)},
}


def theirs(name: str) -> str:
    """Our name of a weight by transformers' names."""
    if name == "queries_learn":
        return "queries"
    path, _, attribute = name.rpartition(".")
    if path in TOP:
        return f"{TOP[path]}.{attribute}"
    stream, at, step = path.split(".", 2)
    side = "encoder" if stream == "memory_blocks" else "decoder"
    if step.startswith("norm"):
        step = NORMS[side][int(step[4:]) - 1]
    elif step not in STEPS:
        step, _, role = step.partition(".")
        step = f"{STEPS[step]}.{MAPS[role]}"
    return f"{side}.layers.{at}.{STEPS.get(step, step)}.{attribute}"


def inputs() -> tuple[Tensor, Tensor]:
    """Pictures of which the second has padding below and to the right."""
    rng = torch.Generator().manual_seed(7)
    valid = torch.ones(B, H, W, dtype=torch.bool)
    valid[1, 2:], valid[1, :, 3:] = False, False
    return torch.randn(B, SMALL["C"], H, W, generator=rng, dtype=torch.float64), valid


def public() -> nn.Module:
    sizes = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "num_queries": 6}
    heads = {f"{side}_attention_heads": 4 for side in ("encoder", "decoder")}
    widths = {f"{side}_ffn_dim": 24 for side in ("encoder", "decoder")}
    return Detr(config(**sizes, **heads, **widths), SMALL["C"], SMALL["K"]).double().eval()


def check(style: str, old: str = "", new: str = "") -> None:
    """Both outputs and every gradient against transformers' encoder and decoder.

    In float64, where what is 0 but for rounding is seen to be nothing.
    """
    ours = tfspec.load(str(EXAMPLE), SMALL)
    weights = {name: x.detach().double().requires_grad_() for name, x in drawn(ours, style).items()}
    source = ours.emit(style=style).replace(".float()", ".double()")
    assert old in source
    packed = pack(program_of(ours.semantics, style=style), weights)
    made = run_file(source.replace(old, new)).build(dtype=torch.float64)
    found = functional_call(made, packed, inputs())
    named = {theirs(name): weight for name, weight in weights.items()}
    module = public()
    assert named.keys() == dict(module.named_parameters()).keys()
    wanted = functional_call(module, named, inputs())
    assert all(relative(a, b) <= OUTPUTS for a, b in zip(found, wanted, strict=True)), "outputs"
    both = (torch.autograd.grad(functional(y), [*weights.values()]) for y in (found, wanted))
    for name, a, b in zip(weights, *both, strict=True):
        # 0 but for rounding are those of biases of keys, which move no softmax, and of the first
        # queries and keys of objects, which all have the same values to mix
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12, msg=name)


def test_it_has_the_parameters_of_the_public_model() -> None:
    found = tfspec.load(str(EXAMPLE)).check()
    assert (found.ok, found.params) == (True, PARAMS)
    with torch.device("meta"):
        module = Detr(config(), 2048, 92)
    assert sum(parameter.numel() for parameter in module.parameters()) == PARAMS


@pytest.mark.parametrize("style", STYLES)
def test_it_is_detrs_encoder_and_decoder(style: str) -> None:
    check(style)


MISTAKES = {
    "also to values of the picture": (
        "h = self.qk(x + places)", "x = x + places\n        h = self.qk(x)"
    ),
    "also to values of objects": (
        "h = self.qk(x + queries)", "x = x + queries\n        h = self.qk(x)"
    ),
    "also to values that are read": ("self.v(memory)", "self.v(memory + places)"),
    "to no queries": ("self.q(x + queries)", "self.q(x)"),
    "to no keys": ("self.k(memory + places)", "self.k(memory)"),
    "rows for columns": ("positions // W", "positions % W"),
    "not from zeros": ("self.zeros.expand", "(self.zeros + 1).expand"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str) -> None:
    with pytest.raises(AssertionError, match="outputs"):
        check("fast", *MISTAKES[mistake])


def test_a_gradient_alone_is_seen() -> None:
    twice = "x = 2 * x - x.detach()\n        return self.out(x"
    with pytest.raises(AssertionError, match=r"memory_blocks\.0\.attention\.v\.bias|attention"):
        check("fast", "return self.out(x", twice)


# ---- other places

SPEC = """\
tfspec: 1
name: small
dims: {{B: batch, T: 1..16, S: 1..9, R: 5, d: 12, h: 3}}
inputs: {{x: float B T (d), y: float B S (d), p: float B T (d), row: float B (d)}}
streams:
  queries: [{{learn: {{axes: {{R: R}}, width: d}}}}]
  z: [{of}, {{attend: {{heads: h, {knobs}}}}}]
outputs: {{out: z, others: [x, {{sum: [p, row]}}], far: y, asked: queries}}
"""
Given = dict[str, Tensor]
Made = Callable[[nn.Module, Given], tuple[Tensor, Tensor, Tensor]]
"""Of the attention's module and the inputs: what queries, keys and values are made of."""


def waves(tokens: int) -> Tensor:
    """The sinusoids of a line: [tokens, 12]."""
    angles = torch.arange(tokens)[:, None] / 10000 ** (torch.arange(0, 12, 2) / 12)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


CASES: dict[str, tuple[str, str, Made]] = {
    "a value on both": ("x", "pos: p", lambda m, g: (g["x"] + g["p"], g["x"] + g["p"], g["x"])),
    "on queries": ("x", "pos: {query: p}", lambda m, g: (g["x"] + g["p"], g["x"], g["x"])),
    "on keys": ("x", "pos: {key: p}", lambda m, g: (g["x"], g["x"] + g["p"], g["x"])),
    "a learned table": (
        "x", "pos: learned", lambda m, g: (g["x"] + m.pos[:7], g["x"] + m.pos[:7], g["x"]),
    ),
    "two tables": (
        "x", "pos: {query: learned, key: {learned: T, rows: 20}}",
        lambda m, g: (g["x"] + m.pos1[:7], g["x"] + m.pos2[:7], g["x"]),
    ),
    "of each its own": (
        "x", "to: y, pos: {query: p, key: sinusoidal}",
        lambda m, g: (g["x"] + g["p"], g["y"] + waves(4), g["y"]),
    ),
    "sines on both sides": (
        "x", "to: y, pos: sinusoidal",
        lambda m, g: (g["x"] + waves(7), g["y"] + waves(4), g["y"]),
    ),
    "learned queries": (
        "queries", "to: y, pos: {query: queries}",
        lambda m, g: (2 * g["queries"].expand(2, 5, 12), g["y"], g["y"]),
    ),
    "one for all tokens": (
        "x", "pos: row", lambda m, g: (*[g["x"] + g["row"][:, None]] * 2, g["x"]),
    ),
    "a batch on what has none": (
        "queries", "pos: row",
        lambda m, g: (*[g["queries"] + g["row"][:, None]] * 2, g["queries"].expand(2, 5, 12)),
    ),
    "a step from here": (
        "x", "pos: {key: relu}", lambda m, g: (g["x"], g["x"] + g["x"].relu(), g["x"]),
    ),
}  # fmt: skip


def written(case: str) -> Architecture:
    of, knobs, _ = CASES[case]
    return Architecture(load_text(SPEC.format(of=of, knobs=knobs)))


@pytest.mark.parametrize("case", CASES)
def test_what_torch_computes(case: str) -> None:
    architecture = written(case)
    net = run_file(architecture.emit(style="explicit")).build()
    randomise(dict(net.named_parameters()), seed=1)
    module = next(each for each in net.modules() if hasattr(each, "v"))
    rng = torch.Generator().manual_seed(2)
    shapes = {"x": (2, 7, 12), "y": (2, 4, 12), "p": (2, 7, 12), "row": (2, 12)}
    inputs = {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}
    found = net(**inputs)[0]
    of = CASES[case][2](module, inputs | {"queries": net.queries_learn})
    q, k, v = (
        getattr(module, name)(x).unflatten(-1, (3, 4)).transpose(1, 2)
        for name, x in zip("qkv", of, strict=True)
    )
    mixed = (q @ k.mT / 2).softmax(-1) @ v
    torch.testing.assert_close(found, module.out(mixed.transpose(1, 2).flatten(2)))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", ["a value on both", "two tables", "learned queries"])
def test_what_is_saved_and_computed_is_as_told(case: str, style: Style) -> None:
    architecture = written(case)
    assert wrongly_saved(architecture, style) == []
    assert [*miscounted(architecture, sizes(architecture, 0), style=style)] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("default", "ignore::DeprecationWarning")
def test_what_a_compiled_step_keeps_is_as_told() -> None:
    architecture = tfspec.load(str(EXAMPLE), SMALL)
    at = small_sizes(architecture) | {"H": 3, "W": 5}
    told = kept_compiled(architecture.semantics, dtype="bf16", sizes=at).bytes
    assert cut_step(architecture, at, "bf16").bytes == told


# ---- with a cache

TEXT = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..16, S: 1..9, V: 50, d: 12, h: 3}
inputs: {heard: float B S (d), tokens: ids(V) B T}
blocks:
  layer:
    do:
      - attend: {heads: h, mask: causal, pos: {query: learned, key: sinusoidal}}
      - attend: {heads: h, to: heard, pos: {query: {learned: T, share: places}, key: {learned: S}}}
streams:
  text: [tokens, {embed: d}, {stack: {of: layer, depth: 2}}, norm]
outputs: {logits: [text, {linear: V}]}
"""


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_decode_equals_the_forward(style: str) -> None:
    net = run_file(Architecture(load_text(TEXT)).emit(style=style, parts=("generate",))).build()
    randomise(dict(net.named_parameters()), seed=2)
    net, text, heard = net.eval(), tokens(3, 2, 14) % 50, torch.randn(2, 6, 12)
    cache = net.cache(2, 15, 6)
    found = [net.prefill(heard, text[:, :5], cache)]
    for start, end in ((5, 6), (6, 9), (9, 14)):
        found.append(net.decode(text[:, start:end], torch.arange(start, end), cache))
    assert_equal_at_every_position(torch.cat(found, 1), net(heard, text), 5)


# ---- where it is said


def test_it_is_said_and_drawn() -> None:
    """Two edges end at the attention that reads the picture, one below the other; in an open one
    they are added to what its keys are made of."""
    figure = tfspec.load(str(EXAMPLE)).draw().svg()
    assert wrong(picture(figure)) == []
    assert "positions in q and k" in figure
    edges = {
        (getattr(edge.source, "title", ""), getattr(edge.target, "title", ""))
        for edge in wiring(written("on keys").draw().figure).edges
    }
    assert ("+", "k") in edges
    assert not {("+", "q"), ("+", "v")} & edges


def test_one_class_serves_all_layers_of_a_stack_that_begins_with_learned_tokens() -> None:
    source = tfspec.load(str(EXAMPLE)).emit()
    assert source.count("class Decoder(nn.Module)") == source.count("class Decoder") - 1 == 1
    assert "zeros.expand(B, -1, -1)  # [B, R, d]" in source
