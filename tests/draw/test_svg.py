"""The file itself: well formed, the same bytes everywhere, told in words, and text stays text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tfspec
from tests.draw.figures import BUNDLED, loaded
from tests.draw.picture import SVG
from tfspec.passes.draw.font import FILES, char_width, text_width

ROOT = Path(__file__).parents[2]
PRINT = "import sys, tfspec; [print(tfspec.load(n).draw(cost='flops').svg()) for n in sys.argv[1:]]"


def _printed(seed: str) -> bytes:
    names = ["swin-t", "transformer-base", "bert-base"]
    env = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf8",
    }
    done = subprocess.run([sys.executable, "-c", PRINT, *names], env=env, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_bytes_do_not_depend_on_hashes() -> None:
    first = _printed("1")
    assert len(first) > 10_000
    assert _printed("2") == first


@pytest.mark.parametrize("name", BUNDLED)
def test_it_is_told_in_words(name: str) -> None:
    root = ElementTree.fromstring(loaded(name).draw().svg())
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.attrib["role"] == "img"
    assert title is not None
    assert title.text == name
    assert desc is not None
    said = desc.text or ""
    graph = loaded(name).semantics
    read = [tensor.role or "" for tensor in graph.inputs if tensor.kind != "bool"]
    assert all(word in said for word in (*read, *graph.outputs))


def test_the_description_of_gpt2() -> None:
    root = ElementTree.fromstring(loaded("gpt2").draw().svg())
    assert root.findtext(f"{SVG}desc") == (
        "tokens, then Embedding, then Positions, then 12 times Layer (LayerNorm, "
        "Multi-head attention with a residual; LayerNorm, MLP, GELU (tanh) with a residual), "
        "then LayerNorm, then Linear, then logits."
    )


def test_nothing_is_asked_for_and_nothing_is_run() -> None:
    svg = loaded("swin-t").draw().svg()
    for word in ("href", "<script", "<style", "<image", "url(", "<foreignObject", "@import"):
        assert word not in svg


def test_every_letter_is_in_the_font() -> None:
    from tfspec.passes.draw.font import has

    missing = {
        char
        for name in BUNDLED
        for text in ElementTree.fromstring(loaded(name).draw().svg()).itertext()
        for char in text
        if not char.isspace() and not has(char)
    }
    assert missing == set()


def test_widths_are_the_fonts_own() -> None:
    """From the font's design: 2048 units an em, in which A is 1366 wide, i 455, and × 1196."""
    assert [round(2048 * char_width(char)) for char in "Ai×"] == [1366, 455, 1196]
    assert text_width("Ai", 10) == pytest.approx(10 * (1366 + 455) / 2048)
    assert char_width("A", bold=True) == 1479 / 2048
    assert char_width("\N{PILE OF POO}") == 1
    assert all(file.with_name("OFL.txt").exists() for file in FILES)


def test_a_notebook_shows_the_drawing() -> None:
    drawing = tfspec.draw("gpt2")
    assert drawing._repr_svg_() == drawing.svg()
