"""A line leads from where a value is made to all that read it, and to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path as File

import pytest

from tests.draw.figures import BUNDLED, EVERY, loaded, of
from tests.draw.led import misled
from tests.draw.picture import picture, wrong
from tests.draw.test_layout import ELSEWHERE, outline
from tests.draw.test_random import quick
from tfspec.passes.draw.opened import by_name
from tfspec.passes.draw.parts import Fan
from tfspec.passes.draw.shapes import Path
from tfspec.passes.draw.strokes import HEAD

EXAMPLES = File(__file__).parents[2] / "examples"
DETR = str(EXAMPLES / "detr.yaml")
QUERIES = str(EXAMPLES / "cross" / "text-queries-image.yaml")
READERS = ("flamingo", "siglip-base", "t5-base", "transformer-base", "vit-22b", "whisper-base")


@pytest.mark.parametrize("name", EVERY)
def test_lines_lead_to_what_reads_them(name: str) -> None:
    for how in ({}, {"cost": "params", "direction": "down"}, {"width": "column"}):
        assert misled(loaded(name).draw(**how)) == []


@pytest.mark.parametrize("name", [*BUNDLED, DETR, QUERIES])
def test_lines_lead_there_in_whatever_is_open(name: str) -> None:
    for what in by_name(loaded(name).semantics):
        assert misled(loaded(name).draw(what)) == [], what


def test_lines_lead_there_in_odd_models_too() -> None:
    assert [said for model in quick() for said in misled(model.draw())] == []
    odd = [of(f"tfspec: 1\nname: elsewhere\n{text}") for text in ELSEWHERE.values()]
    assert [said for model in odd for said in misled(model.draw())] == []


MISTAKES: dict[str, Callable[[list[Path]], list[Path]]] = {
    "no line": lambda paths: [path for path in paths if path.line != "cross"],
    "which reads none": lambda paths: [
        replace(path, points=tuple((x, s - 55) for x, s in path.points))
        if path.line == "cross"
        else path
        for path in paths
    ],
}


@pytest.mark.parametrize("said", MISTAKES)
def test_a_line_that_misleads_is_seen(said: str) -> None:
    drawing = replace(loaded("transformer-base").draw())
    drawing.layout.paths[:] = MISTAKES[said](drawing.layout.paths)
    assert any(said in each for each in misled(drawing))


@pytest.mark.parametrize("name", [*READERS, DETR, QUERIES])
def test_in_an_open_cross_attention_what_it_is_given_leads_to_q(name: str) -> None:
    """And the other value to k and v, by one line below both; nothing runs behind a box."""
    drawing = loaded(name).draw("cross")
    assert not drawing.tangled
    assert [said for said in wrong(picture(drawing.svg())) if not said.endswith(" pt")] == []
    card = next(c for c in drawing.figure.cards() if c.title == "Cross-attention")
    heads = card.body.items[0]
    assert isinstance(heads, Fan)
    assert heads.split
    k, v, q = map(outline, heads.branches)
    assert (k[0], k[-1], v, q[-1]) == ("...", "k", ["...", "v"], "q")


SUM = """
tfspec: 1
name: sums
dims: {B: batch, T: 1..64, d: 8, L: 4}
inputs: {tokens: ids(11) B T, other: ids(7) B T}
blocks:
  read: [norm, {linear: d}, {sum: [[norm, relu], [memory, {linear: d}, gelu]]}]
streams:
  memory: [other, {embed: d}]
  text: [tokens, {embed: d}, {stack: {of: read, depth: L}}]
outputs: {logits: [text, {linear: 11}]}
"""


def test_what_comes_from_another_column_stands_aside() -> None:
    drawing = of(SUM).draw()
    (card,) = drawing.figure.cards()
    other, own = ["...", "Linear", "GELU"], ["LayerNorm", "Linear", "LayerNorm", "ReLU"]
    assert outline(card.body) == [[other, own, "+"]]
    assert wrong(picture(drawing.svg())) == []
    assert misled(drawing) == []


TOWERS = """
tfspec: 1
name: towers
dims: {B: batch, T: 1..64, R: 1..36, d: 8}
inputs: {tokens: ids(11) B T, regions: float B R (20)}
streams:
  words: [tokens, {embed: d}, {pool: mean}]
  image: [regions, {linear: d}, norm, {pool: mean}]
outputs:
  first: [words, {linear: d}]
  second: [image, {linear: d}]
  both: [image, {similarity: {to: words, scale: exp}}]
"""


def test_lines_of_two_values_to_the_feet_of_one_box_are_apart() -> None:
    drawing = of(TOWERS).draw()
    assert wrong(picture(drawing.svg())) == []
    (box,) = [box.rect for box in drawing.layout.boxes if box.title == "Similarity"]
    lines = [path for path in drawing.layout.paths if path.line == "cross"]
    feet = [path for path in lines if path.arrow and path.points[-1][1] == box.bottom]
    assert len({path.points[-1][0] for path in feet}) == 2
    assert len({path.points[-2][1] for path in feet}) == 2


SPEECH = """
tfspec: 1
name: speech
dims: {B: batch, F: 16..64, T: 1..64, d: 256, L: 12}
inputs: {mel: float B F (80), target: ids(11) B T}
blocks:
  layer: {norm: {at: pre}, do: [{attend: {heads: 4, rope: 10000}}, {ffn: {hidden: 9, act: silu}}]}
  write: {norm: {at: pre}, do: [{attend: {heads: 4, to: encoder}}, {ffn: {hidden: 9, act: relu}}]}
streams:
  encoder:
    - mel
    - conv: {size: {F: 3}, stride: {F: 2}, pad: {F: 1}, width: d}
    - gelu
    - conv: {size: {F: 3}, stride: {F: 2}, pad: {F: 1}, width: d}
    - gelu
    - stack: {of: layer, depth: L}
    - norm
  text: [target, {embed: d}, {pos: sinusoidal}, {stack: {of: write, depth: L}}, norm]
outputs: {ctc: [encoder, {linear: 11}], logits: [text, {linear: 11}]}
"""


def test_the_rest_of_a_long_column_stands_before_what_reads_it() -> None:
    drawing = of(SPEECH).draw("attention", cost="flops")
    assert drawing.cut == 2
    assert wrong(picture(drawing.svg())) == []
    assert not drawing.tangled


@pytest.mark.parametrize("name", EVERY)
def test_the_dot_of_a_fork_touches_no_head_of_an_arrow(name: str) -> None:
    for how in ({}, {"width": "column"}):
        paths = loaded(name).draw(**how).layout.paths
        dots = [path.points[0] for path in paths if path.tap and path.line == "cross"]
        tips = [path.points[-1] for path in paths if path.arrow]
        near = [(x, y, s) for x, y in dots for tip, s in tips if tip == x and 0 < y - s < HEAD + 2]
        assert near == []
