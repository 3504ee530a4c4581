"""Layers that work on two parts side by side: two columns, and lines between them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.draw.figures import loaded, of
from tests.draw.picture import COLUMN, picture, wrong
from tests.draw.test_layout import outline
from tfspec.api import Architecture
from tfspec.graph.trace import inner_traces
from tfspec.passes.draw.crossings import any_cross
from tfspec.passes.draw.draw import Drawing
from tfspec.passes.draw.parts import Fan, boxes
from tfspec.passes.draw.shapes import Path
from tfspec.passes.draw.wiring import wiring

SPEC = """
tfspec: 1
name: two-parts
dims: {{B: batch, T: 1..64, R: 1..36, d: 8, L: 4}}
inputs: {{tokens: ids(11) B T, regions: float B R (20)}}
blocks:
  see: {{norm: {{at: {at}}}, do: {do}}}
streams:
  text: [tokens, {{embed: d}}]
  image: [regions, {{linear: d}}]
  joint: [{{concat: [text, image]}}, {{stack: {{of: see, depth: L}}}}]
outputs: {{told: [joint, {{take: text}}]}}
"""
ASK, TELL = (
    "{attend: {only: text, to: image, heads: 2}}",
    "{attend: {only: image, to: text, heads: 2}}",
)
READ, LOOK = "{attend: {only: text, heads: 2}}", "{attend: {only: image, heads: 2}}"
THINK = "{ffn: {only: text, hidden: 9, act: relu}}", "{ffn: {only: image, hidden: 9, act: relu}}"
LAYERS = {
    "each other": f"[par: [{ASK}, {TELL}]]",
    "each other, and then itself": f"[par: [{ASK}, {TELL}], {READ}, {LOOK}, {', '.join(THINK)}]",
    "itself, and then each other": f"[{READ}, {LOOK}, par: [{ASK}, {TELL}]]",
    "one after the other": f"[{ASK}, {TELL}]",
    "one alone": f"[{LOOK}, {ASK}, {THINK[1]}]",
    "one three times": f"[{ASK}, {ASK}, {ASK}]",
    "each other twice": f"[par: [{ASK}, {TELL}], {', '.join(THINK)}, par: [{TELL}, {ASK}]]",
    "what has been told already": f"[{TELL}, {THINK[1]}, {ASK}, {THINK[0]}, {TELL}]",
}
"""What two parts of a value may read."""


def two_columns(drawing: Drawing) -> Fan | None:
    found = [
        item
        for card in drawing.figure.cards()
        for item in card.body.items
        if isinstance(item, Fan) and item.columns
    ]
    return found[0] if found else None


def drawn(name: str, at: str = "pre") -> Architecture:
    return of(SPEC.format(at=at, do=LAYERS[name]))


def crossing(drawing: Drawing) -> list[Path]:
    return [path for path in drawing.layout.paths if path.line == "cross"]


@pytest.mark.parametrize("at", ["pre", "post"])
@pytest.mark.parametrize("name", LAYERS)
def test_nothing_is_wrong_with_two_columns(name: str, at: str) -> None:
    model = drawn(name, at)
    assert two_columns(model.draw()) is not None
    ways: list[dict[str, Any]] = [{}, {"cost": "flops"}, {"direction": "down"}]
    for how in ways:
        assert wrong(picture(model.draw(**how).svg())) == []
        assert wrong(picture(model.draw(width="column", **how).svg()), COLUMN, text=5) == []
    assert max(map(len, model.draw().text().splitlines())) <= 100
    found = [node for box in model.draw().figure.boxes() for node in box.nodes]
    graph = model.semantics.trace
    primitives = [n for n in graph.nodes() if n.inner is None and not inner_traces(n.op)]
    assert sorted(map(id, found)) == sorted(map(id, primitives))


def test_each_reads_the_others_column() -> None:
    drawing = drawn("each other, and then itself").draw()
    fan = two_columns(drawing)
    assert fan is not None
    attention, mlp = (
        [[], ["LayerNorm", "Multi-head attention"], "+"],
        [[], ["LayerNorm", "MLP, ReLU"], "+"],
    )
    asking = [[], ["LayerNorm", "Cross-attention"], "+"]
    text, image = map(outline, fan.branches)
    assert text == ["take text", asking, attention, mlp]
    assert image == ["take image", asking, attention, mlp]
    edges = [edge for edge in wiring(drawing.figure).edges if edge.line == "cross"]
    sources = [getattr(edge.source, "title", "") for edge in edges]
    assert sources == ["take image", "take text"]
    first, second = (set(boxes(branch)) for branch in fan.branches)
    assert edges[0].target in first
    assert edges[1].target in second


def test_the_bundled_models_that_have_such_layers() -> None:
    for name in ("lxmert", "vilbert"):
        for how in ({}, {"width": "column"}):
            drawing = loaded(name).draw(**how)
            assert two_columns(drawing) is not None
            assert drawing.fitting is not None
    assert two_columns(loaded("gpt2").draw()) is None
    assert two_columns(loaded("vit-22b").draw()) is None  # its last layer works on one part alone


def test_one_of_two_lines_that_cross_passes_under_the_other() -> None:
    drawing = drawn("each other").draw()
    whole, *pieces = sorted(crossing(drawing), key=lambda path: -len(path.points))
    assert (len(whole.points), [len(piece.points) for piece in pieces]) == (4, [4, 2])
    if whole.points[2][1] == pieces[1].points[0][1]:
        whole, pieces[0] = pieces[0], whole
    (start, height), (end, _) = pieces[0].points[-1], pieces[1].points[0]
    upright = whole.points[1][0]
    assert pieces[1].points[0][1] == height
    assert sorted([start, end]) == [upright - 3, upright + 3]
    assert [(path.tap, path.arrow) for path in pieces] == [(True, False), (False, True)]
    assert not any_cross(drawing.layout.paths)
    joined = Path((*pieces[0].points, *pieces[1].points), "cross")
    assert any_cross([whole, joined])


def test_lines_that_need_not_cross_are_whole() -> None:
    for name in ("one after the other", "one alone", "one three times"):
        assert all(path.arrow for path in crossing(drawn(name).draw()))
    fork, *others = crossing(drawn("one three times").draw())
    assert [len(path.points) for path in others] == [2, 2]
    assert {path.points[0][0] for path in others} == {fork.points[1][0]}


def test_in_a_terminal_too() -> None:
    lines = drawn("each other").draw(direction="down").text().splitlines()
    assert [line for line in lines if "▶│" in line or "│◀" in line] == [
        "│ │  │ Cross-attention │   ╰──│──▶│ Cross-attention │  │ │",
        "│ │  │   2 heads × k   │◀─────╯   │   2 heads × k   │  │ │",
    ]


def test_what_else_a_layer_reads_is_drawn_as_before() -> None:
    """Another column of the figure, or a value that is no part of what it is given."""
    text = SPEC.format(
        at="pre", do=f"[par: [{ASK}, {TELL}], {{attend: {{only: text, to: memory, heads: 2}}}}]"
    )
    drawing = of(text.replace("  joint:", "  memory: [tokens, {embed: d}]\n  joint:")).draw()
    assert two_columns(drawing) is None
    assert [w for w in wrong(picture(drawing.svg())) if "overlap" in w] == []


def test_tokens_chosen_twice_are_chosen_once_with_a_residual() -> None:
    (card,) = loaded("timesformer").draw().figure.cards()
    parts = card.body.items[0]
    assert isinstance(parts, Fan)
    frames = [[], ["LayerNorm", "Multi-head attention", "Linear"], "+"]
    assert list(map(outline, parts.branches)) == [["take cls"], ["take video", frames]]
