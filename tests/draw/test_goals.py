"""What every figure holds: it fits a page, nothing overlaps or crosses, and labels are right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tfspec
from tests.draw.figures import BUNDLED, EVERY, MIXED, loaded, of
from tests.draw.picture import COLUMN, picture, wrong
from tfspec.graph.structure import Stack as Layers
from tfspec.graph.trace import Trace, inner_traces
from tfspec.layers.stack import Stack
from tfspec.passes.draw.parts import Fan, Item, Series
from tfspec.spec.names import layers_in

WAYS: list[dict[str, Any]] = [
    {"cost": "flops"},
    {"cost": "params", "direction": "down"},
    {"theme": "dark", "numbers": True},
]


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_wrong_with_a_figure(name: str) -> None:
    assert wrong(picture(loaded(name).draw().svg())) == []


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("name", BUNDLED)
def test_nothing_is_wrong_with_a_figure_that_says_more(name: str, how: dict[str, Any]) -> None:
    assert wrong(picture(loaded(name).draw(**how).svg())) == []


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("name", EVERY)
def test_a_column_of_a_paper_takes_it_with_5_points_or_more(name: str, how: dict[str, Any]) -> None:
    drawing = loaded(name).draw(width="column", **how)
    assert wrong(picture(drawing.svg()), COLUMN, text=5) == []
    assert "…" not in "".join(
        word for box in drawing.layout.boxes for word in (box.title, *box.knobs)
    )


@pytest.mark.parametrize("name", ["gpt2", "transformer-base", "llama-3-8b"])
def test_nothing_is_wrong_with_a_module_in_all_its_ops(name: str) -> None:
    assert wrong(picture(loaded(name).draw("attention", level="ops").svg())) == []


def _depths(name: str) -> set[str]:
    every = layers_in(loaded(name).semantics.spec.streams)
    return {dim for each in every if isinstance(each, Stack) for dim in each.depth.names}


@pytest.mark.parametrize("name", BUNDLED)
def test_12_and_96_layers_are_equally_tall(name: str) -> None:
    few, many = (
        picture(tfspec.load(name, dict.fromkeys(_depths(name), layers)).draw(numbers=False).svg())
        for layers in (12, 96)
    )
    assert few.height == many.height
    assert many.texts("count")
    assert many.texts("count") != few.texts("count")


@pytest.mark.parametrize("name", EVERY)
def test_labels_are_the_checkers_shapes_and_none_is_missing(name: str) -> None:
    graph = loaded(name).semantics
    shown = set(picture(loaded(name).draw().svg()).texts("label"))
    inputs = [tensor for tensor in graph.inputs if tensor.kind != "bool"]
    made = [node.outputs[0] for node in graph.trace.nodes()]
    assert shown <= {graph.show(*tensor.shapes) for tensor in (*inputs, *made)}
    changed = {
        graph.show(*node.outputs[0].shapes)
        for node in graph.trace.body
        if any(x.shapes != node.outputs[0].shapes for x in node.inputs)
        and node.op.look(*node.inputs).form != "quiet"
    }
    assert changed | {graph.show(*tensor.shapes) for tensor in inputs} <= shown


def test_numbers_where_a_dim_is_set() -> None:
    found = picture(tfspec.load("vit-b16", {"B": 8}).draw().svg())
    shapes = ["[8, 3, 224, 224]", "[8, 196, 768]", "[8, 197, 768]", "[8, 768]", "[8, 1000]"]
    assert found.texts("label") == shapes
    assert "12 heads × 64" in found.texts("knob")


@pytest.mark.parametrize("name", EVERY)
def test_no_block_is_open_twice_and_counts_are_the_specs(name: str) -> None:
    graph, figure = loaded(name).semantics, loaded(name).draw().figure
    titles = [card.title for card in figure.cards() if card.title]
    assert titles
    assert len(titles) == len(set(titles))
    # a module outside of a block, an `ffn` for instance, is one box: it has its own look
    ops = [node.op for node in graph.trace.body if _holds_blocks(inner_traces(node.op))]
    rounds = sorted(graph.facts.value(op.count) if isinstance(op, Layers) else 1 for op in ops)
    outer = [item for column in figure.columns for item in _outer(column)]
    drawn = sorted(getattr(item, "count", 1) for item in outer if _is_stack(item))
    assert drawn == rounds


def _holds_blocks(traces: tuple[Trace, ...]) -> bool:
    return any(trace.look is None for trace in traces)


def _outer(column: Series) -> Iterator[Item]:
    """The items of a column, those of the branches that it joins too."""
    for item in column.items:
        yield item
        for branch in item.branches if isinstance(item, Fan) else ():
            yield from _outer(branch)


def _is_stack(item: object) -> bool:
    return getattr(item, "block", False) or hasattr(item, "body")


def test_a_mixed_pattern_says_how_many_of_each() -> None:
    found = picture(of(MIXED).draw().svg())
    assert found.texts("count") == ["× 4", "× 5"]
    assert found.texts("card") == ["Local × 5, Global", "Local"]
    assert "Global" in found.texts("title")
    assert wrong(found) == []
