"""What blocks are called: those of a pattern and of a series by the name of each."""

from __future__ import annotations

import pytest

from tests.draw.figures import MIXED, loaded, of
from tfspec.passes.draw.draw import Drawing

CARDS = {
    "swin-t": [("Local, Shifted", 3), ("Local", 1)],
    "dall-e": [("Row, Column, Row × 2", 15), ("Row", 1)],
    "vilbert": [("Swap, Look, Read", 6), ("Swap", 1)],
    "gpt2": [("Layer", 12)],
}

SERIES = MIXED.replace(
    "local, local, local, local, local, global", "[local, global], [local, global], global"
)


def _cards(drawing: Drawing) -> list[tuple[str, int]]:
    cards = sorted(drawing.layout.cards, key=lambda card: card.depth)
    return [(card.title, card.count) for card in cards]


@pytest.mark.parametrize("name", CARDS)
def test_open_cards_say_what_is_in_them(name: str) -> None:
    assert _cards(loaded(name).draw()) == CARDS[name]


NAMED = """
tfspec: 1
name: named
dims: {B: batch, T: 1..64, d: 8}
inputs: {tokens: ids(11) B T}
blocks:
  pool_by_attention: {norm: {at: pre}, do: [{attend: {heads: 2}}]}
  far_seeing: {norm: {at: pre}, do: [{attend: {heads: 2}}]}
  halve: [{linear: d}]
  BiMamba_2: {norm: {at: pre}, do: [{ffn: {hidden: 9, act: relu}}]}
streams:
  text: [tokens, {embed: d}, pool_by_attention, {stack: {of: BiMamba_2, depth: 2}},
    {stack: {of: [[far_seeing, halve]], depth: 3}}]
outputs: {y: text}
"""


def test_a_title_is_the_words_of_a_name() -> None:
    """In figures, of a model and of a block, and in tables; with one capital more."""
    model = of(NAMED)
    blocks = [box.title for box in model.draw("far_seeing").figure.boxes() if box.block]
    assert blocks == ["Pool by attention", "BiMamba 2"]
    cards = [card.title for card in model.draw("far_seeing").figure.cards()]
    assert cards == ["Far seeing, Halve", "Far seeing"]
    assert model.draw("pool_by_attention", level="ops").figure.name == "named: Pool by attention"
    assert "(Far seeing, Halve) × 3" in str(model.shapes())


def test_a_count_counts_all_names_before_it() -> None:
    """Closed, it stands behind them: in brackets they are one."""
    deeper = MIXED.replace("depth: L}}", "depth: L}}, {stack: {of: local, depth: 2 * L}}")
    boxes = [box.whole for box in of(deeper).draw().layout.boxes if box.block]
    assert boxes == ["(Local × 5, Global) × 4, Multi-head attention"]


def test_a_layer_of_several_blocks_is_told_block_by_block() -> None:
    first, *_ = _cards(of(SERIES).draw())
    assert first == ("(Local, Global) × 2, Global", 8)


@pytest.mark.parametrize("ending", ["dot", "mmd"])
def test_frames_of_graphs_count_what_is_in_them(ending: str) -> None:
    text = loaded("swin-t").draw().format(ending)
    assert isinstance(text, str)
    assert "(Local, Shifted) × 3" in text


PARTS = """
tfspec: 1
name: parts
dims: {{B: batch, T: 1..64, d: 8}}
inputs: {{tokens: ids(11) B T}}
streams: {{text: [tokens, {{embed: d}}, {{prepend: a}}, {{prepend: b}}]}}
outputs: {{y: [text, {step}]}}
"""


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("take: a", ["take a"]),
        ("drop: b", ["drop b"]),
        ("drop: [a, b]", ["drop a + b"]),
        ("drop: a", ["take b", "take text"]),
    ],
)
def test_tokens_are_chosen_in_the_words_of_the_spec(step: str, said: list[str]) -> None:
    """Where what is left lies apart, and is cut out in two pieces, the pieces are told."""
    boxes = of(PARTS.format(step=step)).draw().figure.boxes()
    assert [box.title for box in boxes if box.form == "chip"] == said
