"""Biases of attention scores against their definition, written out pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log, prod

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from transformers.models.t5.modeling_t5 import T5Attention

from tests.parity.compare import GRADIENTS, OUTPUTS, functional
from tests.parity.reference import tokens as tokens_of
from tests.parity.running import relative, run_file
from tests.test_modes import assert_equal_at_every_position, stepped
from tfspec.api import Architecture, SpecError
from tfspec.passes.emit.emit import program_of
from tfspec.runtime.weights import layout, pack
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")
Weights = dict[str, Tensor]
Pair = Callable[[int, int, int], Tensor | float]
"""What is added to the score of a head, a query and a key."""
Bound = Callable[[Tensor], Tensor]
"""What is done to scores before a bias is added."""

SPEC = """\
tfspec: 1
name: small
dims: {{B: batch, {dims}, d: {width}, h: {heads}}}
inputs: {{x: float B {axes} (d), ok: bool B {axes}}}
streams:
  y: [x, {{attend: {{heads: h, {knobs}}}}}]
outputs: {{out: y}}
"""


@dataclass(frozen=True)
class Case:
    """An attention over axes of some lengths, by its knobs."""

    knobs: str
    heads: int = 4
    dims: str = "T: 1..9"
    axes: str = "T"
    lengths: tuple[int, ...] = (6,)

    def spec(self, mask: str | None = None) -> Architecture:
        knobs = self.knobs + (f", mask: {mask}" if mask else "")
        fields = vars(self) | {"knobs": knobs, "width": 3 * self.heads}
        return Architecture(load_text(SPEC.format(**fields)))


MASKS: dict[str | None, Callable[[Tensor, int, int], bool]] = {
    None: lambda ok, i, j: True,
    "causal": lambda ok, i, j: j <= i,
    "key.ok": lambda ok, i, j: bool(ok[j]),
    "within(3)": lambda ok, i, j: abs(i - j) < 3,
    "causal and key.ok": lambda ok, i, j: j <= i and bool(ok[j]),
    "within(2) and key.ok": lambda ok, i, j: abs(i - j) < 2 and bool(ok[j]),
}


def attention(
    w: Weights, x: Tensor, ok: Tensor, heads: int, mask: str | None, bias: Pair, bound: Bound
) -> Tensor:
    """[B, N, d]: softmax over the allowed keys, of one query after the other; 0 without a key."""
    q, k, v = (
        (x @ w[f"attention.{n}.weight"].T + w[f"attention.{n}.bias"]).unflatten(-1, (heads, -1))
        for n in "qkv"
    )
    made = torch.zeros_like(q)
    for b in range(len(x)):
        for i in range(x.shape[1]):
            keys = [j for j in range(x.shape[1]) if MASKS[mask](ok[b], i, j)]
            for h in range(heads if keys else 0):
                scores = torch.stack([q[b, i, h] @ k[b, j, h] for j in keys])
                added = torch.stack([torch.as_tensor(bias(h, i, j)) for j in keys])
                weights = (bound(scores * q.shape[-1] ** -0.5) + added).softmax(0)
                made[b, i, h] = weights @ v[b, keys, h]
    return made.flatten(2) @ w["attention.out.weight"].T + w["attention.out.bias"]


def drawn(architecture: Architecture, style: str) -> Weights:
    """Random weights by semantic name."""
    made = torch.Generator().manual_seed(3)
    parts = [
        p for s in layout(program_of(architecture.semantics, style=style)).values() for p in s.parts
    ]
    shapes = {part.name: part.shape for part in sorted(parts, key=lambda part: part.name)}
    return {n: torch.randn(s, generator=made).requires_grad_() for n, s in shapes.items()}


def run(architecture: Architecture, style: str, w: Weights, *inputs: Tensor) -> Tensor:
    """The emitted model's output with these weights, in which its gradients arrive."""
    model = run_file(architecture.emit(style=style)).build().eval()
    return functional_call(model, pack(program_of(architecture.semantics, style=style), w), inputs)


def tokens(case: Case) -> tuple[Tensor, Tensor]:
    """Random vectors, and flags: the second row has none that is true."""
    made = torch.Generator().manual_seed(4)
    x = torch.randn(2, *case.lengths, 3 * case.heads, generator=made)
    ok = torch.rand(x.shape[:-1], generator=made) < 0.6
    ok[1] = False
    return x, ok


def check(
    case: Case,
    style: str,
    mask: str | None,
    bias: Callable[[Weights], Pair],
    bound: Bound = lambda scores: scores,
) -> None:
    """Output and every gradient against the definition."""
    architecture = case.spec(mask)
    w = drawn(architecture, style)
    x, ok = tokens(case)
    x.requires_grad_()
    asked = [*w.values(), x]
    out = run(architecture, style, w, x, *([ok] if mask and "ok" in mask else []))
    flat = ok.flatten(1)
    want = attention(w, x.flatten(1, -2), flat, case.heads, mask, bias(w), bound).view_as(out)
    assert relative(out, want) <= OUTPUTS
    found, expected = (torch.autograd.grad(functional((y,)), asked) for y in (out, want))
    for name, a, b in zip([*w, "x"], found, expected, strict=True):
        if name.endswith(".k.bias"):  # softmax does not see it: both are rounding around 0
            continue
        assert (a - b).norm() <= GRADIENTS * b.norm(), name


def alibi_slope(heads: int, h: int) -> float:
    """Press et al. 2022's get_slopes, as in their code."""
    power = 2 ** (heads.bit_length() - 1)
    if h < power:
        return 2 ** (-8 * (h + 1) / power)
    return 2 ** (-8 * (2 * (h - power) + 1) / (2 * power))


def alibi(heads: int) -> Pair:
    return lambda h, i, j: -alibi_slope(heads, h) * abs(i - j)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mask", MASKS, ids=str)
def test_alibi(mask: str | None, style: str) -> None:
    check(Case("alibi: true", heads=6), style, mask, lambda w: alibi(6))


@pytest.mark.parametrize("heads", [1, 4, 8, 12])
def test_alibi_slopes(heads: int) -> None:
    check(Case("alibi: true", heads=heads), "fast", None, lambda w: alibi(heads))


def test_alibi_slopes_are_the_published_ones() -> None:
    """12 heads: those of 8, then every second one of 16."""
    found = [alibi_slope(12, h) for h in range(12)]
    assert found == [2.0**-n for n in range(1, 9)] + [2.0**-n for n in (0.5, 1.5, 2.5, 3.5)]


def over_axes(case: Case, extents: Sequence[int], axes: Sequence[int]) -> Callable[[Weights], Pair]:
    """table[h, query X - key X + e_X - 1, ...] for the axes named, in the table's order."""
    at = [divmod_all(n, case.lengths) for n in range(prod(case.lengths))]

    def bias(w: Weights) -> Pair:
        table = w["attention.rel_bias"]
        assert table.shape == (case.heads, *(2 * e - 1 for e in extents))

        def pair(h: int, i: int, j: int) -> Tensor:
            offsets = zip(axes, extents, strict=True)
            return table[(h, *(at[i][axis] - at[j][axis] + e - 1 for axis, e in offsets))]

        return pair

    return bias


def divmod_all(index: int, lengths: Sequence[int]) -> list[int]:
    """The coordinates of a token in a row-major grid."""
    found: list[int] = []
    for length in reversed(lengths):
        index, rest = divmod(index, length)
        found.append(rest)
    return found[::-1]


LINE = Case("rel_bias: [T]")
GRID = Case("rel_bias: [H, W]", 2, "H: 3, W: 4", "H W", (3, 4))
VIDEO = Case("rel_bias: [F, H, W]", 2, "F: 2, H: 3, W: 2", "F H W", (2, 3, 2))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mask", MASKS, ids=str)
def test_relative_bias_over_a_line(mask: str | None, style: str) -> None:
    """Up to 9 tokens may come, and 6 do: the middle of the table is read."""
    check(LINE, style, mask, over_axes(LINE, [9], [0]))


@pytest.mark.parametrize("length", [1, 2, 9])
def test_relative_bias_of_any_length(length: int) -> None:
    case = replace(LINE, lengths=(length,))
    check(case, "fast", None, over_axes(case, [9], [0]))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mask", [None, "causal", "key.ok"], ids=str)
def test_relative_bias_over_a_grid(mask: str | None, style: str) -> None:
    check(GRID, style, mask, over_axes(GRID, [3, 4], [0, 1]))


@pytest.mark.parametrize(
    ("knobs", "axes"),
    [("[H]", [0]), ("[W]", [1]), ("[W, H]", [1, 0]), ("{axes: [H, W], share: tied}", [0, 1])],
)
def test_relative_bias_over_some_axes(knobs: str, axes: list[int]) -> None:
    case = replace(GRID, knobs=f"rel_bias: {knobs}")
    bias = over_axes(case, [GRID.lengths[axis] for axis in axes], axes)
    named = "tied" if "tied" in knobs else "attention.rel_bias"
    check(case, "fast", "key.ok", lambda w: bias({"attention.rel_bias": w[named]}))


def test_relative_bias_over_a_grid_of_any_size() -> None:
    """Two ranges, and an attention in which neither is to be read off the tokens."""
    case = replace(GRID, dims="H: 1..4, W: 2..6", lengths=(3, 5))
    check(case, "fast", None, over_axes(case, [4, 6], [0, 1]))


@pytest.mark.parametrize(("knobs", "axes"), [("[F, H, W]", [0, 1, 2]), ("[W, F]", [2, 0])])
def test_relative_bias_over_a_video(knobs: str, axes: list[int]) -> None:
    case = replace(VIDEO, knobs=f"rel_bias: {knobs}")
    check(case, "fast", None, over_axes(case, [VIDEO.lengths[a] for a in axes], axes))


def bucket(distance: int, count: int, limit: int, both: bool) -> int:
    """The bucket of a key's index less its query's, from the paper's words."""
    start = 0
    if both:
        count //= 2
        start = count if distance > 0 else 0
        distance = abs(distance)
    else:
        distance = max(-distance, 0)
    exact = count // 2
    if distance < exact:
        return start + distance
    far = log(distance / exact) / log(limit / exact) * (count - exact)
    return start + min(exact + int(far), count - 1)


def in_buckets(both: bool, name: str = "attention.rel_bias.weight") -> Callable[[Weights], Pair]:
    return lambda w: lambda h, i, j: w[name][bucket(j - i, 8, 6, both), h]


BUCKETS = Case("rel_bias: {buckets: 8, max: 6}", 3)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mask", MASKS, ids=str)
def test_buckets(mask: str | None, style: str) -> None:
    check(BUCKETS, style, mask, in_buckets(both=mask is None or "causal" not in mask))


@pytest.mark.parametrize("mask", [None, "causal and key.ok"], ids=str)
def test_shared_buckets(mask: str | None) -> None:
    case = replace(BUCKETS, knobs="rel_bias: {buckets: 8, max: 6, share: near}")
    check(case, "fast", mask, in_buckets(mask is None, "near.weight"))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("count", "limit"), [(32, 128), (8, 20), (16, 9), (64, 1000), (4, 3)])
def test_buckets_are_those_of_transformers(count: int, limit: int, both: bool) -> None:
    """Every distance up to far beyond the limit."""
    mask = None if both else "causal"
    spec = replace(BUCKETS, knobs=f"rel_bias: {{buckets: {count}, max: {limit}}}").spec(mask)
    file = run_file(spec.emit())
    function = file.relative_buckets if both else file.past_buckets
    offsets = torch.arange(-1500, 1501)
    theirs = T5Attention._relative_position_bucket(
        offsets, bidirectional=both, num_buckets=count, max_distance=limit
    )
    assert torch.equal(function(offsets, count, limit), theirs)


def test_two_biases_are_added() -> None:
    case = replace(GRID, knobs="rel_bias: [H, W], alibi: true")
    over = over_axes(case, [3, 4], [0, 1])

    def bias(w: Weights) -> Pair:
        return lambda h, i, j: over(w)(h, i, j) + alibi(2)(h, i, j)

    check(case, "fast", "within(3)", bias)


def test_scores_are_bounded_before_the_bias() -> None:
    """Gemma's soft cap is of the scores alone."""
    case = Case("alibi: true, softcap: 0.5", heads=2)
    check(case, "fast", "causal", lambda w: alibi(2), lambda s: torch.tanh(s / 0.5) * 0.5)


TEXT = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..16, V: 50, d: 24, h: 6}
inputs: {tokens: ids(V) B T}
blocks:
  near:
    norm: {at: pre}
    do:
      - attend: {heads: h, mask: MASK, KNOBS}
      - attend: {heads: 4, head_dim: 5, kv_heads: 2, mask: causal, KNOBS}
streams:
  text: [tokens, {embed: d}, {stack: {of: near, depth: 2}}, norm]
outputs:
  logits: [text, {linear: V}]
"""


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mask", ["causal", "causal and within(3)"])
@pytest.mark.parametrize(
    "knobs", ["alibi: true", "rel_bias: {buckets: 8, max: 6}", "alibi: true, softcap: 2"]
)
@torch.no_grad()
def test_decode_equals_the_forward(knobs: str, mask: str, style: str) -> None:
    text = TEXT.replace("MASK", mask).replace("KNOBS", knobs)
    architecture = Architecture(load_text(text))
    model = run_file(architecture.emit(style=style, parts=("generate",))).build().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    words = tokens_of(5, 2, 13) % 50
    logits = stepped(model, model.cache(2, 16), words, [4, 5, 6, 9, 13])
    assert_equal_at_every_position(logits, model(words), 4)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mask", ["key.ok", "within(2) and key.ok"])
def test_without_a_bias_too_a_query_without_a_key_gives_0(mask: str, style: str) -> None:
    check(Case("scale: 0.5"), style, mask, lambda w: lambda h, i, j: 0.0, lambda s: s * 3**0.5 / 2)


STACKS = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..12, S: 1..9, d: 12, h: 4}
inputs: {x: float B T (d), y: float B S (d)}
INIT
blocks:
  layer: {norm: {at: pre}, do: [{attend: {heads: h, KNOBS}}]}
  other: {extends: layer, attend: {MORE}}
streams:
  a: [x, {stack: {of: layer, depth: 3}}]
  b: [y, {stack: {of: other, depth: 2}}]
outputs: {a: a, b: b}
"""


def stacks(knobs: str, more: str = "", init: str = "") -> str:
    text = STACKS.replace("KNOBS", knobs).replace("MORE", more or "heads: h").replace("INIT", init)
    return Architecture(load_text(text)).emit()


def test_alibi_is_made_once_for_all_layers() -> None:
    source = stacks("alibi: true")
    assert source.count("self.slopes[:, None, None]") == 2  # one for x, one for y
    assert source.count("class Attention") == 1
    assert "def forward(self, x, scores):" in source


def test_shared_buckets_are_read_once_for_all_layers() -> None:
    source = stacks("rel_bias: {buckets: 8, max: 20, share: near}, mask: causal")
    assert source.count("self.near(buckets)") == 2
    assert source.count("nn.Embedding(8, 4)") == 1
    assert "def forward(self, x, scores):" in source


def test_buckets_of_a_layer_are_computed_once() -> None:
    source = stacks("rel_bias: {buckets: 8, max: 20}")
    assert source.count("= relative_buckets(offsets, 8, 20)") == 2
    assert "bias = self.rel_bias(buckets).permute(2, 0, 1)" in source


def test_other_extents_are_an_argument_of_one_class() -> None:
    source = stacks("rel_bias: [T]", "rel_bias: [S]")
    assert "self.rel_bias = nn.Parameter(torch.zeros(4, 2 * extent - 1))" in source
    assert "nn.ModuleList(Layer(12) for _ in range(3))" in source
    assert "nn.ModuleList(Layer(9) for _ in range(2))" in source


def test_tables_start_as_init_says() -> None:
    assert "nn.Parameter(torch.zeros(4, 23))" in stacks("rel_bias: [T]", "rel_bias: none")
    torchs = stacks("rel_bias: [T]", "rel_bias: none", "init: {kind: torch}")
    assert "nn.Parameter(torch.zeros(4, 23))" in torchs
    swin = stacks("rel_bias: [T]", "rel_bias: none", "init: {kind: truncated, std: 0.02}")
    assert "nn.init.trunc_normal_(torch.empty(4, 23), std=0.02, a=-0.04, b=0.04)" in swin


def test_tables_over_axes_are_not_decoded_yet() -> None:
    text = TEXT.replace("MASK", "causal").replace("KNOBS", "rel_bias: [T]")
    with pytest.raises(SpecError, match="`rel_bias` is not supported yet in decoding"):
        Architecture(load_text(text)).emit(parts=("generate",))


@pytest.mark.parametrize(
    "knobs", ["alibi: true", "rel_bias: [T]", "rel_bias: {buckets: 8, max: 6}"]
)
def test_compiles_whole(knobs: str) -> None:
    architecture = Case(knobs).spec("causal and key.ok")
    model = run_file(architecture.emit()).build().eval()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    x, ok = tokens(Case(knobs))
    assert relative(compiled(x, ok), model(x, ok)) <= OUTPUTS
