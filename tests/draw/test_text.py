"""The figure in a terminal: whole pictures compared, and no line longer than 100 columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tfspec
from tests.draw.figures import EVERY, loaded

EXAMPLES = Path(__file__).parents[2] / "examples"
GPT2 = """\
           tokens
              │ [B, T]
  ╭───────────────────────╮
  │       Embedding       │
  │         V × d         │
  ╰───────────────────────╯
              │ [B, T, d]
  ╭───────────────────────╮
  │       Positions       │
  │  learned, 1024 rows   │
  ╰───────────────────────╯
              │
┌─ Layer ─────│───────── × 12 ─┐
│             │                │
│             ├──────────────╮ │
│             │              │ │
│ ╭───────────────────────╮  │ │
│ │       LayerNorm       │  │ │
│ ╰───────────────────────╯  │ │
│             │              │ │
│ ╭───────────────────────╮  │ │
│ │ Multi-head attention  │  │ │
│ │  h heads × k, causal  │  │ │
│ ╰───────────────────────╯  │ │
│             │              │ │
│             ⊕◀─────────────╯ │
│             │                │
│             ├──────────────╮ │
│             │              │ │
│ ╭───────────────────────╮  │ │
│ │       LayerNorm       │  │ │
│ ╰───────────────────────╯  │ │
│             │              │ │
│ ╭───────────────────────╮  │ │
│ │   MLP, GELU (tanh)    │  │ │
│ │       d → f → d       │  │ │
│ ╰───────────────────────╯  │ │
│             │              │ │
│             ⊕◀─────────────╯ │
│             │                │
└─────────────│────────────────┘
              │
  ╭───────────────────────╮
  │       LayerNorm       │
  ╰───────────────────────╯
              │
  ╭───────────────────────╮
  │        Linear         │
  │         d → V         │
  ╰───────────────────────╯
              │ [B, T, V]
           logits

gpt2: 124,439,808 parameters
B = batch, T = 1..1024, V = 50257, d = 768, h = 12, f = 3072, k = d/h = 64"""


def test_gpt2() -> None:
    assert loaded("gpt2").draw(direction="down").text() == GPT2


def test_two_columns_and_the_edge_between_them() -> None:
    lines = loaded("transformer-base").draw(direction="down").text().splitlines()
    (cross,) = [line for line in lines if "▶" in line]
    assert "▶│ h heads × k, key.valid  │" in cross
    assert lines[0].split() == ["source", "target"]
    (start,) = [line for line in lines if "───╯ │" in line and "⊕" not in line]
    assert start.strip().startswith("╰──")


def test_numbers() -> None:
    text = tfspec.draw("gpt2", {"T": 128, "B": 2}, direction="down").text()
    assert "│ [2, 128, 768]" in text
    assert "12 heads × 64, causal" in text


@pytest.mark.parametrize("name", EVERY)
def test_lines_fit_a_terminal(name: str) -> None:
    for direction in ("up", "down"):
        text = loaded(name).draw(direction=direction, cost="params").text()
        assert max(map(len, text.splitlines())) <= 100
        assert "…" not in text


def test_up_is_down_turned() -> None:
    up, down = (loaded("gpt2").draw(direction=way).text().splitlines() for way in ("up", "down"))
    assert up[0].strip() == "logits"
    assert len(up) == len(down)
    assert sum("⊕◀" in line for line in up) == 2


LOOSE = re.compile(r"(?<!\S)─|─(?!\S)")
"""A line that ends beside nothing."""


@pytest.mark.parametrize("name", EVERY)
def test_no_line_begins_beside_nothing(name: str) -> None:
    """Titles and shapes may stand on a line, with air around them: such rows are left out."""
    for direction in ("up", "down"):
        rows = loaded(name).draw(direction=direction).text().splitlines()
        plain = [row for row in rows if "[" not in row and "┌" not in row]
        assert [row for row in plain if LOOSE.search(row)] == []


def test_a_line_passes_behind_those_that_it_crosses() -> None:
    """As behind frames: a crossing would look like a place where lines meet."""
    rows = tfspec.draw(EXAMPLES / "mae.yaml").text().splitlines()
    at = next(at for at, row in enumerate(rows) if row.split()[:2] == ["pixels", "keep"])
    assert re.match(r"╰─+│─+│─+╯", rows[at - 1].strip())
    middle = rows[at].index("pixels") + len("pixels") // 2
    assert rows[at - 1][middle] == "│"


def test_a_line_that_leaves_no_trunk_comes_from_a_name() -> None:
    """Of several that leave it the first: a corner below the name, and not a loose end."""
    for way, corner in (("up", "╭"), ("down", "╰")):
        model = tfspec.load(EXAMPLES / "cross" / "image-queries-text.yaml")
        rows = model.draw(level="ops", direction=way).text().splitlines()
        at = next(at for at, row in enumerate(rows) if row.split()[:1] == ["text"])
        beside = rows[at - 1 if way == "up" else at + 1]
        assert beside.strip().startswith(f"{corner}─")
        assert beside.index(corner) == len("text") // 2
