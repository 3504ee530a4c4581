"""What stands below a figure: it is of what is drawn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.draw.figures import BUNDLED, loaded, of
from tfspec.graph.graph import Graph
from tfspec.graph.scope import Scope
from tfspec.passes.draw.caption import sentences
from tfspec.passes.draw.draw import Drawing
from tfspec.passes.draw.opened import main_blocks
from tfspec.passes.draw.parts import Figure

OPS_OF_GPT2 = [
    ((), "gpt2: Layer: 7,087,872 parameters, × 12 in the model", "block"),
    (("attention",), "gpt2: attention: 2,362,368 parameters, × 12 in the model", "module"),
]


def _said(drawing: Drawing) -> list[str]:
    return [", ".join(part) for part in sentences(drawing)]


@pytest.mark.parametrize(("opened", "name", "part"), OPS_OF_GPT2)
def test_a_figure_of_one_layer_is_captioned_as_one(
    opened: tuple[str, ...], name: str, part: str
) -> None:
    said = _said(loaded("gpt2").draw(*opened, level="ops", cost="flops"))
    assert said[0] == name
    assert said[-1] == f"bars: share of this {part}'s forward FLOPs at B = 1, T = 1024"


BARS = {
    "flops": "bars: share of the forward FLOPs at B = 1, T = 1024",
    "memory": "bars: share of the bytes that training keeps at B = 1, T = 1024",
}


@pytest.mark.parametrize("cost", BARS)
def test_a_figure_of_the_model_is_captioned_as_the_model(cost: str) -> None:
    said = _said(loaded("gpt2").draw(cost=cost))
    assert (said[0], said[-1]) == ("gpt2: 124,439,808 parameters", BARS[cost])


def test_shares_of_parameters_are_told_beside_them() -> None:
    """They are of no sizes, and a line more would take room from the figure."""
    model, layer = (
        _said(loaded("gpt2").draw(level=level, cost="params"))[0] for level in ("blocks", "ops")
    )
    assert model == "gpt2: 124,439,808 parameters, bars: share of the parameters"
    assert layer == f"{OPS_OF_GPT2[0][1]}, bars: share of this block's parameters"


def _held(graph: Graph, figure: Figure, scope: Scope) -> int:
    """Parameters of the steps that the boxes stand for, each weight once, those left out that a
    layer shares with others of the model."""
    groups = (node.group for box in figure.boxes() for node in box.nodes if node.group)
    own = [group for group in groups if scope in _around(group.parent)]
    weights = {w for group in own for w in group.weights.values() if w.learned}
    return sum(graph.facts.value(weight.elements) or 0 for weight in weights)


def _around(scope: Scope | None) -> Iterator[Scope]:
    while scope is not None:
        yield scope
        scope = scope.parent


@pytest.mark.parametrize("name", BUNDLED)
def test_parameters_are_those_of_the_boxes(name: str) -> None:
    drawing = loaded(name).draw(level="ops")
    graph, figure = drawing.graph, drawing.figure
    params, whole = (graph.facts.value(each.params) for each in (figure, graph))
    assert params == _held(graph, figure, main_blocks(graph)[0][0].scope)
    assert params is not None
    assert whole is not None
    assert 0 < params * figure.count <= whole


LAYERS = """
tfspec: 1
name: layers
dims: {{B: batch, T: 1..64, d: 8}}
inputs: {{tokens: ids(11) B T}}
blocks:
  near: {{{share}norm: {{at: pre}}, do: [{{ffn: {{hidden: 9, act: relu}}}}]}}
  far: {{norm: {{at: pre}}, do: [{{ffn: {{hidden: 10, act: relu}}}}]}}
streams: {{text: [tokens, {{embed: d}}, {{stack: {{{stack}}}}}]}}
outputs: {{logits: [text, {{linear: 11}}]}}
"""


@pytest.mark.parametrize(
    ("share", "stack", "said"),
    [
        ("", "of: [near, near, far], depth: 6", ["× 4 in the model"]),
        ("", "of: near, depth: 1", []),
        ("share: all, ", "of: near, depth: 6", []),
        ("share: all(i % 2), ", "of: near, depth: 6", ["× 2 in the model"]),
    ],
)
def test_layers_count_that_have_weights_of_their_own(
    share: str, stack: str, said: list[str]
) -> None:
    spec = LAYERS.format(share=share, stack=stack)
    first, *_ = sentences(of(spec).draw(level="ops"))
    assert first == ["layers: Near: 177 parameters", *said]


TAKEN = """
tfspec: 1
name: taken
dims: {B: batch, T: 2..64, V: 11, end: V - 1, second: 1, d: 8, w: 9}
inputs: {tokens: ids(V) B T, ended: bool B T}
streams: {text: [tokens, {embed: d}]}
outputs: {y: [text, STEP]}
"""


@pytest.mark.parametrize(
    ("step", "title", "bound", "said"),
    [
        ("take: {T: first(tokens == end)}", "take first(tokens == end)",
         "take first(tokens == 10)", "end = 10"),
        ("take: {T: second}", "take T = second", "take T = 1", "second = 1"),
        ("scale: w ** 0.5", "× √w", "× √9", "w = 9"),
    ],
)  # fmt: skip
def test_sizes_in_the_words_of_a_chip_are_sizes(
    step: str, title: str, bound: str, said: str
) -> None:
    """The caption says what they are, and they are numbers where sizes are."""
    model = of(TAKEN.replace("STEP", f"{{{step}}}"))
    symbols, numbers = model.draw(), model.draw(numbers=True)
    titles = [
        box.title for each in (symbols, numbers) for box in each.figure.boxes() if box.form != "box"
    ]
    assert titles == [title, bound]
    assert said in _said(symbols)[-1]
    assert said not in _said(numbers)[-1]


def test_an_input_that_a_choice_reads_is_told_with_its_words() -> None:
    model = of(TAKEN.replace("STEP", "{take: {T: last(ended)}}"))
    assert _said(model.draw())[1] == "read by take last(ended): ended [B, T]"


def test_inputs_without_a_line_are_told_by_what_reads_them() -> None:
    """A mask of attention, a splice; and one that the attention cannot read."""
    text = "inputs: {tokens: ids(11) B T, valid: bool B T, more: bool B R, masked: bool B T}"
    spec = f"""
tfspec: 1
name: flags
dims: {{B: batch, T: 1..64, R: 1..9, d: 8}}
{text}
blocks:
  layer: {{norm: {{at: pre}}, do: [{{attend: {{heads: 2, mask: key.valid and key.more}}}}]}}
streams:
  text: [tokens, {{embed: d}}, {{splice: {{at: masked, from: {{learn: {{width: d}}}}}}}}, layer]
outputs: {{logits: [text, {{linear: 11}}]}}
"""
    said = _said(of(spec).draw())[1:-1]
    assert said == [
        "read by masks: valid [B, T]",
        "not read: more [B, R]",
        "read by Splice: masked [B, T]",
    ]
