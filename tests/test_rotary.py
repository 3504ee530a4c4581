"""Rotary positions against their definition: every pair of every token turned one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from tests.parity.running import place, randomise, relative, run_file
from tfspec.api import Architecture
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")
D, HEADS, GROUPS, K = 20, 4, 2, 12
BASE, H, W, T = 50, 3, 4, 9

TEXT = f"""\
tfspec: 1
name: toy
dims: {{B: batch, T: 1..16, V: 50, d: {D}, h: {HEADS}, g: {GROUPS}, k: {K}}}
inputs: {{x: float B T (d)}}
blocks:
  only: {{do: [attend: {{heads: h, kv_heads: g, head_dim: k, rope: ROPE}}], residual: none}}
streams:
  text: [x, only]
outputs:
  states: text
"""
IMAGE = (
    TEXT.replace("T: 1..16", f"H: 1..5, W: {W}")
    .replace("B T (d)", "B H W (d)")
    .replace("text: [x, only]", "image: [x, PREPEND only]")
    .replace("states: text", "states: image")
)

Angle = Callable[[int, int], float]
"""The angle of a pair, by the token's position and the pair's number in its section."""


def plain(width: int) -> Angle:
    return lambda p, j: p * BASE ** (-2 * j / width)


PLAIN = plain(K)


def linear(factor: float) -> Angle:
    return lambda p, j: p / factor * BASE ** (-2 * j / K)


def llama3(factor: float, low: float, high: float, length: int) -> Angle:
    """By the regime of the pair's wavelength (Llama 3's own code)."""

    def angle(p: int, j: int) -> float:
        rate = BASE ** (-2 * j / K)
        wavelength = 2 * math.pi / rate
        if wavelength < length / high:
            return p * rate
        if wavelength > length / low:
            return p * rate / factor
        smooth = (length / wavelength - low) / (high - low)
        return p * ((1 - smooth) * rate / factor + smooth * rate)

    return angle


def turned(x: Tensor, pairs: Sequence[tuple[int, int]], angles: Sequence[float]) -> Tensor:
    """One head's features at one token, each pair turned by its angle."""
    y = x.clone()
    for (i, j), angle in zip(pairs, angles, strict=True):
        cos, sin = math.cos(angle), math.sin(angle)
        y[i] = x[i] * cos - x[j] * sin
        y[j] = x[j] * cos + x[i] * sin
    return y


def halves(start: int, width: int) -> list[tuple[int, int]]:
    return [(start + j, start + j + width // 2) for j in range(width // 2)]


def neighbours(start: int, width: int) -> list[tuple[int, int]]:
    return [(start + 2 * j, start + 2 * j + 1) for j in range(width // 2)]


@dataclass(frozen=True)
class Case:
    """A way to turn: of every token its positions, one a section; a section's pairs and angles."""

    rope: str
    positions: tuple[tuple[int, ...], ...]
    width: int = K
    pairs: Callable[[int, int], list[tuple[int, int]]] = halves
    angle: Angle = PLAIN
    prepend: str = ""
    more: Callable[[Tensor], Tensor] = lambda x: x[:, :0]

    @property
    def spec(self) -> str:
        text = TEXT if len(self.positions) == T else IMAGE
        return text.replace("ROPE", self.rope).replace("PREPEND", self.prepend)

    def turn(self, x: Tensor, at: int) -> Tensor:
        """x [k] of token `at`."""
        pairs: list[tuple[int, int]] = []
        angles: list[float] = []
        for section, position in enumerate(self.positions[at]):
            pairs += self.pairs(section * self.width, self.width)
            angles += [self.angle(position, j) for j in range(self.width // 2)]
        return turned(x, pairs, angles)


LINE = tuple((p,) for p in range(T))
GRID = tuple((row, column) for row in range(H) for column in range(W))
LLAMA3 = "{kind: llama3, factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_length: 40}"
CASES = {
    "full": Case("50", LINE),
    "partial": Case("{base: 50, partial: 1 / 3}", LINE, 4, angle=plain(4)),
    "interleaved": Case("{base: 50, interleaved: true}", LINE, pairs=neighbours),
    "interleaved and partial": Case(
        "{base: 50, interleaved: true, partial: 0.5}", LINE, 6, neighbours, plain(6)
    ),
    "a base that is no whole number to torch": Case(
        f"{{base: {10**30}}}", LINE, angle=lambda p, j: p * 1e30 ** (-2 * j / K)
    ),
    "linear": Case("{base: 50, scaling: {kind: linear, factor: 4}}", LINE, angle=linear(4)),
    "llama3": Case(f"{{base: 50, scaling: {LLAMA3}}}", LINE, angle=llama3(8, 1, 4, 40)),
    "over its one axis": Case("{base: 50, over: T}", LINE),
    "over two axes": Case("{base: 50, over: [H, W]}", GRID, 6, angle=plain(6)),
    "over two axes, interleaved": Case(
        "{base: 50, over: [H, W], interleaved: true}", GRID, 6, neighbours, plain(6)
    ),
    "over two axes, partial": Case(
        "{base: 50, over: [H, W], partial: 2 / 3}", GRID, 4, angle=plain(4)
    ),
    "over one of two axes": Case("{base: 50, over: W}", tuple((w,) for _, w in GRID)),
    "over axes in another order": Case(
        "{base: 50, over: [W, H]}", tuple((w, h) for h, w in GRID), 6, angle=plain(6)
    ),
    "over two axes with a cls": Case(
        "{base: 50, over: [H, W]}", ((0, 0), *GRID), 6, angle=plain(6), prepend="prepend: cls,"
    ),
    "over an axis of registers": Case(
        "{base: 50, over: [reg, W], interleaved: true}",
        ((0, 0), (1, 0), *((0, w) for _, w in GRID)),
        6, neighbours, plain(6), "prepend: {reg: 2},",
    ),
    "over axes of the first part": Case(
        "{base: 50, over: [H, W]}", (*GRID, (0, 0)), 6, angle=plain(6),
        prepend="concat: {a: {scale: 1}, b: {pool: mean}},",
        more=lambda x: x.mean(1, keepdim=True),
    ),
    "over axes of two parts": Case(
        "{base: 50, over: [H, W]}", (*GRID, (0, 0), *GRID), 6, angle=plain(6),
        prepend="concat: {a: {scale: 1}, b: {pool: mean}, c: {scale: 2}},",
        more=lambda x: torch.cat((x.mean(1, keepdim=True), 2 * x), dim=1),
    ),
    "the index in all parts": Case(
        "50", tuple((p,) for p in range(1 + H * W)), prepend="prepend: cls,"
    ),
}  # fmt: skip


def definition(case: Case, model: nn.Module, x: Tensor) -> Tensor:
    """The attention by loops over heads, queries and keys; x [B, N, d]."""
    p = {name: value.double() for name, value in model.named_parameters()}
    q, k, v = (
        x @ p[f"only.attention.{role}.weight"].T + p[f"only.attention.{role}.bias"]
        for role in "qkv"
    )
    out = torch.zeros(*x.shape[:2], HEADS * K, dtype=x.dtype)
    for b in range(x.shape[0]):
        for h in range(HEADS):
            mine, shared = slice(h * K, (h + 1) * K), h // (HEADS // GROUPS)
            theirs = slice(shared * K, (shared + 1) * K)
            keys = torch.stack([case.turn(k[b, j, theirs], j) for j in range(x.shape[1])])
            for i in range(x.shape[1]):
                scores = keys @ case.turn(q[b, i, mine], i) * K**-0.5
                out[b, i, mine] = scores.softmax(0) @ v[b, :, theirs]
    return out @ p["only.attention.out.weight"].T + p["only.attention.out.bias"]


def given(case: Case) -> Tensor:
    shape = (2, T, D) if len(case.positions) == T else (2, H, W, D)
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def with_prefix(model: nn.Module, x: Tensor) -> Tensor:
    """Rows [B, N, d] with the learned tokens that the model puts in front."""
    names = [name for name, _ in model.named_parameters() if "." not in name]
    rows = x.flatten(1, -2)
    tokens = [getattr(model, name).reshape(1, -1, D).expand(len(x), -1, -1) for name in names]
    return torch.cat([*tokens, rows], dim=1)


@pytest.mark.parametrize("what", CASES)
@torch.no_grad()
def test_every_pair_turns_by_its_angle(what: str) -> None:
    case = CASES[what]
    spec = Architecture(load_text(case.spec))
    fast, explicit = (run_file(spec.emit(style=style)).build().double() for style in STYLES)
    randomise(dict(explicit.named_parameters()), seed=4)
    place(fast, dict(explicit.named_parameters()))
    x = given(case)
    rows = with_prefix(explicit, x)
    wanted = definition(case, explicit, torch.cat((rows, case.more(rows)), dim=1))
    assert wanted.shape[1] == len(case.positions)
    assert relative(explicit(x), wanted) <= 1e-6  # the table is made in single precision
    assert relative(fast(x), wanted) <= 1e-6


LLAMA = LlamaConfig(
    hidden_size=64, num_attention_heads=4, max_position_embeddings=300,
    rope_parameters={
        "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
    },
)  # fmt: skip
LONG = TEXT.replace("T: 1..16", "T: 1..300").replace("k: 12", "k: 16")


def test_llama3_rates_are_transformers_own_bit_by_bit() -> None:
    """Rates of every regime, and the table of all positions."""
    scaling = LLAMA3.replace("40", "64")
    spec = LONG.replace("ROPE", f"{{base: 500, scaling: {scaling}}}")
    table = run_file(Architecture(load_text(spec)).emit()).build().rope
    rates, factor = ROPE_INIT_FUNCTIONS["llama3"](LLAMA, "cpu")
    plain = 1 / 500 ** (torch.arange(0, 16, 2) / 16)
    kept = rates / plain
    assert kept[0] == 1
    assert kept[-1] == 1 / 8
    assert ((kept < 1) & (kept > 1 / 8)).any()
    assert factor == 1
    angles = torch.arange(300)[:, None] * rates
    assert torch.equal(table, torch.stack((angles.cos(), angles.sin())))


# ---- tables


def emitted(rope: str, *changes: tuple[str, str]) -> str:
    text = TEXT.replace("ROPE", rope)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return Architecture(load_text(text)).emit()


def beside(rope: str) -> list[tuple[str, str]]:
    """Changes that put another attention before the first."""
    block = f"  far: {{do: [attend: {{heads: h, head_dim: k, rope: {rope}}}], residual: none}}\n"
    return [("  only:", f"{block}  only:"), ("[x, only]", "[x, far, only]")]


def tables(source: str) -> list[str]:
    return [line.strip() for line in source.splitlines() if "register_buffer" in line]


def test_equal_tables_are_one() -> None:
    source = emitted("50", *beside("50"))
    assert tables(source) == [
        'self.register_buffer("rope", rotary_table(16, 12, 50), persistent=False)'
    ]
    assert source.count("self.rope[") == 1


def test_other_tables_are_others() -> None:
    source = emitted("50", *beside("70"))
    assert tables(source) == [
        'self.register_buffer("rope", rotary_table(16, 12, 70), persistent=False)',
        'self.register_buffer("rope2", rotary_table(16, 12, 50), persistent=False)',
    ]


def test_a_table_of_a_fixed_length_is_not_cut() -> None:
    source = emitted("50", ("T: 1..16", "T: 9"))
    assert "rope = self.rope[:, :, None]  # [2, T, 1, k/2]\n" in source


def test_rope_costs_no_products() -> None:
    plain, rotary = (
        Architecture(load_text(TEXT.replace(", rope: ROPE", new))) for new in ("", ", rope: 50")
    )
    assert plain.cost().flops == rotary.cost().flops
