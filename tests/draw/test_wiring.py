"""The edges of a figure are those of the graph, in whatever is open, as blocks and as ops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.draw.figures import BUNDLED, loaded, of
from tests.draw.led import misled
from tests.draw.picture import picture, wrong
from tests.draw.test_layout import ELSEWHERE, outline
from tests.draw.test_led import DETR, QUERIES
from tests.draw.test_random import quick
from tests.draw.wired import miswired
from tfspec.graph.space import Space
from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.layout import Placer
from tfspec.passes.draw.measure import points
from tfspec.passes.draw.opened import by_name
from tfspec.passes.draw.parts import Box, Card, Fan, Series
from tfspec.passes.draw.wiring import wiring

LEVELS = ("blocks", "ops")


@pytest.mark.parametrize("name", [*BUNDLED, DETR, QUERIES])
def test_edges_are_those_of_the_graph(name: str) -> None:
    model = loaded(name)
    assert miswired(model.draw()) == []
    for what in by_name(model.semantics):
        for level in LEVELS:
            assert miswired(model.draw(what, level=level)) == [], (what, level)


def test_edges_are_those_of_the_graph_in_odd_models_too() -> None:
    odd = [of(f"tfspec: 1\nname: elsewhere\n{text}") for text in ELSEWHERE.values()]
    for model in (*quick(), *odd):
        for level in LEVELS:
            assert miswired(model.draw(level=level)) == []


def test_an_edge_that_is_wrong_and_one_that_is_missing_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawing = loaded("perceiver").draw("cross")
    right = wiring(drawing.figure)
    first, second, *rest = right.edges
    turned = replace(first, target=second.target)
    monkeypatch.setattr(
        "tests.draw.wired.wiring", lambda _: replace(right, edges=[second, turned, *rest])
    )
    assert miswired(drawing) == [
        "pixels leads to Linear, which does not read it", "no edge from pixels to Linear, which reads it"
    ]  # fmt: skip


def test_a_card_of_two_operands_is_entered_by_one_and_its_steps_read_the_other() -> None:
    """What a cross-attention looks at is normed beside it, in the same block."""
    figure = loaded("perceiver").draw("cross").figure
    (fan,) = [
        item
        for column in figure.columns
        for item in column.every
        if isinstance(item, Fan) and isinstance(item.join, Card)
    ]
    assert [outline(branch) for branch in fan.branches] == [["LayerNorm"], ["...", "LayerNorm"]]
    titles = {(getattr(edge.source, "title", ""), edge.line, getattr(edge.target, "title", ""))
              for edge in wiring(figure).edges}  # fmt: skip
    assert {
        ("LayerNorm", "trunk", "q"),
        ("LayerNorm", "trunk", "k"),
        ("LayerNorm", "trunk", "v"),
    } <= titles


ONE_SIDE = """
tfspec: 1
name: one-side
dims: {B: batch, T: 1..64, d: 8}
inputs: {tokens: ids(11) B T}
blocks:
  ask:
    do:
      - attend:
          heads: 2
          to: [self, {norm: {kind: l2}}]
          pos: {query: [{linear: 5}, {linear: d}], key: [norm]}
streams: {text: [tokens, {embed: d}, ask]}
outputs: {logits: [text, {linear: 11}]}
"""
"""Of what its attention takes two values begin where the trunk parts, on one side of it."""


@pytest.mark.parametrize("what", ["ask", "cross"])
def test_branches_on_one_side_of_the_trunk_share_a_line_to_it(what: str) -> None:
    drawing = of(ONE_SIDE).draw(what)
    assert not [said for said in wrong(picture(drawing.svg())) if "trunk crosses" in said]
    assert misled(drawing) == miswired(drawing) == []


@pytest.mark.parametrize("how", [{}, {"direction": "down"}, {"cost": "flops"}], ids=str)
@pytest.mark.parametrize("name", ["perceiver", "perceiver-io"])
def test_nothing_is_wrong_with_a_card_of_two_operands(name: str, how: dict[str, Any]) -> None:
    drawing = loaded(name).draw("cross", **how)
    assert wrong(picture(drawing.svg())) == []
    assert misled(drawing) == []


NARROW = """
tfspec: 1
name: narrow
dims: {B: batch, d: 2}
inputs: {a: ids(6) B, b: ids(6) B}
streams:
  s: [a, {embed: 6}, {pool: max}]
  m: [b, {embed: d}, {attend: {heads: 2, to: [s, {linear: 1}]}}]
outputs: {y: [m, {linear: 1}]}
"""
"""Its boxes are as wide as they must be, and no wider."""
TWICE = """
tfspec: 1
name: twice
dims: {B: batch, T: 1..64, N: 5, d: 8}
inputs: {x: float (d) B T, y: float (d) B N}
streams:
  s: [x, {norm: {}}, {concat: {left: [{norm: {}}], right: {linear: d}}}, {attend: {heads: 1, to: right}}]
outputs: {o: s}
"""
"""What its attention looks at is made on the way of what asks."""


@pytest.mark.parametrize("text", [NARROW, TWICE], ids=["narrow", "twice"])
def test_words_fit_and_lines_lead_somewhere_in_a_card_of_two_operands(text: str) -> None:
    model = of(text)
    for what in by_name(model.semantics):
        assert wrong(picture(model.draw(what).svg())) == []
        assert miswired(model.draw(what)) == []


def test_the_first_operand_may_begin_elsewhere_where_another_parts_from_the_trunk() -> None:
    """Then no line leads into it from the trunk."""
    x = Box("norm", "norm", "box", (), Tensor((), Space((), ())))
    inner = Box("q", "linear", "box", (), Tensor((), Space((), ())))
    card = Card("look", 1, Series((inner,)), Tensor((), Space((), ())), inner.made)
    fan = Fan((Series((replace(x, alone=True),)), Series((x,))), card, split=True)
    placer = Placer(points())
    placer.item(fan, 40).draw(0, 0)
    (first, _) = (box.rect for box in placer.out.boxes if box.title == "norm")
    assert first.x < 0 < first.right
    assert not [p for p in placer.out.paths if p.points[-1] == (0, first.y)]


def test_a_shape_is_said_once_at_the_end_of_a_card() -> None:
    figure = loaded("perceiver").draw("cross").figure
    (card,) = [each for each in figure.cards() if each.title == "Cross-attention"]
    assert (card.body.label, card.label) == ("[B, R, d]", "")
