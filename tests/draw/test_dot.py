"""Text for Graphviz and for Mermaid: whole texts compared."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.draw.figures import BUNDLED, loaded, of
from tfspec.passes.draw.draw import Direction

SMALL = """
tfspec: 1
name: small
dims: {B: batch, T: 1..64, d: 8, L: 2}
inputs: {tokens: ids(11) B T}
blocks: {layer: {norm: {at: pre}, do: [{ffn: {hidden: 32, act: relu}}]}}
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}]}
outputs: {logits: text}
"""
DOT = """\
digraph "small" {
  rankdir=BT;
  graph [fontname="Liberation Sans,Arial,Helvetica", fontsize=8, fontcolor="#333333", labelloc=b, labeljust=l];
  node [fontname="Liberation Sans,Arial,Helvetica", fontsize=10, shape=box, style="rounded,filled", color="#000000", fontcolor="#000000"];
  edge [fontname="Liberation Sans,Arial,Helvetica", fontsize=8.5, arrowsize=0.6, fontcolor="#333333"];
  n0 [label="tokens", shape=plaintext, style=""];
  n1 [label="Embedding\\n11 × d", fillcolor="#F4BAD7"];
  subgraph cluster_0 { graph [label="Layer × 2", style="rounded,filled", fillcolor="#F4F4F4", color="#6E6E6E"];
    n2 [label="LayerNorm", fillcolor="#F7E8A3"];
    n3 [label="MLP, ReLU\\nd → 32 → d", fillcolor="#83C8FD"];
    n4 [label="+", fillcolor="#FFFFFF", shape=circle, margin=0, width=0.2];
  }
  n5 [label="logits", shape=plaintext, style=""];
  n0 -> n1 [label="  [B, T]", color="#000000", penwidth=0.9];
  n1 -> n2 [label="  [B, T, d]", color="#000000", penwidth=0.9];
  n2 -> n3 [color="#000000", penwidth=0.9];
  n1 -> n4 [color="#000000", penwidth=1.1, style=dashed];
  n3 -> n4 [color="#000000", penwidth=0.9];
  n4 -> n5 [color="#000000", penwidth=0.9];
}
"""
MERMAID = """\
flowchart TD
  n0(["tokens"])
  n1["Embedding<br>11 × d"]
  subgraph c0 ["Layer × 2"]
    n2["LayerNorm"]
    n3["MLP, ReLU<br>d → 32 → d"]
    n4(("+"))
  end
  n5(["logits"])
  n0 -->|"#91;B, T#93;"| n1
  n1 -->|"#91;B, T, d#93;"| n2
  n2 --> n3
  n1 --> n4
  n3 --> n4
  n4 --> n5
  classDef embed fill:#5F2A34,stroke:#C8C8C8,color:#FFFFFF
  class n1 embed
  classDef norm fill:#7A681B,stroke:#C8C8C8,color:#FFFFFF
  class n2 norm
  classDef mlp fill:#1B4B67,stroke:#C8C8C8,color:#FFFFFF
  class n3 mlp
  classDef other fill:#575757,stroke:#C8C8C8,color:#FFFFFF
  class n4 other
"""


def test_dot() -> None:
    assert of(SMALL).draw(theme="print").dot() == DOT


def test_mermaid() -> None:
    assert of(SMALL).draw(theme="dark", direction="down").mmd() == MERMAID


def test_cross_edges_do_not_bend_the_columns() -> None:
    lines = loaded("transformer-base").draw().dot().splitlines()
    (cross,) = [line for line in lines if "constraint=false" in line]
    assert 'color="#7A3E00"' in cross
    assert loaded("transformer-base").draw().mmd().count("-.->") == 1


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("direction", ["up", "down"])
def test_titles_of_cards_are_in_their_upper_left_corners(direction: Direction) -> None:
    """Of clusters as Graphviz places them, y growing upwards."""
    text = loaded("swin-t").draw(direction=direction).dot()
    done = subprocess.run(["dot", "-Tjson"], input=text, capture_output=True, text=True, check=True)
    clusters = [each for each in json.loads(done.stdout)["objects"] if "bb" in each]
    assert len(clusters) == 2
    for each in clusters:
        left, bottom, _, top = map(float, each["bb"].split(","))
        x, y = map(float, each["lp"].split(","))
        assert top - y < 15 < y - bottom
        assert x - left < float(each["lwidth"]) * 72 / 2 + 10


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", BUNDLED)
def test_graphviz_reads_it(name: str) -> None:
    text = loaded(name).draw().dot()
    done = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
