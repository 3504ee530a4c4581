"""Korthikanti et al. 2022, section 4.1: a GPT layer keeps sbh(34 + 5as/h) bytes, in 16 bits on a GPU.

The paper leaves out the mean and deviation of the two norms, "small": 4 bytes each a row, 16sb.
It has no mask, and two kinds of dropout: of the weights, and of what each branch adds.
"""

from __future__ import annotations

import pytest

from tfspec.api import Architecture
from tfspec.ops import pointwise
from tfspec.passes.memory.saved import Row, saved
from tfspec.program.program import Style
from tfspec.program.saves import Made
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim, sym

SPEC = """\
tfspec: 1
name: gpt
dims: {b: batch, s: 1..4096, V: 50257, h: 12288, a: 96, L: 96}
inputs: {tokens: ids(V) b s}
blocks:
  layer:
    norm: {at: pre}
    do:
      - [attend: {heads: a, dropout: 0.1}, dropout: 0.1]
      - [ffn: {hidden: 4 * h, act: gelu}, dropout: 0.1]
streams:
  text: [tokens, embed: {width: h}, stack: {of: layer, depth: L}]
outputs: {y: text}
"""
s, b, h, a, L = map(sym, "sbhaL")
NORMS = 2 * 2 * 4 * s * b
PAPER = 34 * s * b * h + 5 * a * s * s * b + NORMS
MASKS = 2 * s * b * h + a * s * s * b
"""Bytes of the three dropout masks on a GPU: of each branch, and of the weights."""


def rows(style: Style, target: str) -> list[Row]:
    graph = Architecture(load_text(SPEC)).semantics
    told = saved(graph, dtype="bf16", style=style, target=target)
    assert not told.without
    return [row for row in told.rows if row.module.startswith("blocks.")]


def layer(found: list[Row]) -> Dim:
    return sum((row.size for row in found), Dim.of(0)).exact_div(L)


def test_the_paper_s_sum() -> None:
    found = layer(rows("explicit", "h100"))
    assert found == PAPER
    at = {"b": 1, "s": 2048, "h": 12288, "a": 96}  # GPT-3
    assert found.value(at) == 2048 * 12288 * (34 + 5 * 96 * 2048 / 12288) + 16 * 2048


def test_the_paper_s_three_parts() -> None:
    """11sbh + 5as²b of attention, 19sbh of the feed-forward, 4sbh of the norms' inputs."""
    found = rows("explicit", "h100")
    after = [row for row in found if row.module == "blocks.*" and row.op == "dropout"]
    attention = [row for row in found if row.module.endswith(".attention")]
    ffn = [row for row in found if row.module.endswith(".mlp")]
    norms = [row for row in found if row.op == "norm"]
    assert layer([*attention, after[0]]) == 11 * s * b * h + 5 * a * s * s * b
    assert layer([*ffn, after[1]]) == 19 * s * b * h
    assert layer(norms) == 4 * s * b * h + NORMS
    assert len(found) == len([*attention, *ffn, *after, *norms])


def test_a_fused_kernel_keeps_none_of_the_scores() -> None:
    """A number in fp32 a query and head in their place, and the state of its dropout."""
    found = layer(rows("fast", "h100"))
    assert found == 34 * s * b * h + 4 * a * s * b + NORMS + 24


def test_a_cpu_keeps_noise_for_dropout() -> None:
    """A bf16 number where a GPU keeps a byte, and norm statistics in bf16 too."""
    found = layer(rows("explicit", "cpu"))
    assert found - PAPER == MASKS - 2 * 2 * 2 * s * b


def test_a_wider_mask_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's 34 and 5 hold masks of one byte an element."""
    monkeypatch.setattr(pointwise, "Made", lambda what, size, *_: Made(what, size))
    found = layer(rows("explicit", "h100"))
    assert found - PAPER == MASKS
