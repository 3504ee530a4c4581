"""Random specs: each is drawn in every format, no step is left out or drawn twice, and words fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from random import Random
from shutil import which

import pytest
from networkx import is_directed_acyclic_graph

from tests.draw.figures import of
from tests.draw.picture import picture, wrong
from tests.draw.wired import miswired
from tests.fuzz.specs import make, written
from tfspec.api import Architecture
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.draw.draw import LEVELS
from tfspec.passes.draw.opened import by_name

QUICK, MANY = 60, 700
SURE = ("overflows", "overlaps", "is off", "lies across", "two cards", "crooked", "at nothing")
"""What no figure has, however wild. Lines of wild graphs may have to cross."""


def models(cases: range) -> Iterator[Architecture]:
    for at in cases:
        model = of(written(make(Random(at))))
        if model.check().ok:
            yield model


@cache
def quick() -> tuple[Architecture, ...]:
    return tuple(models(range(QUICK)))


def live(model: Architecture) -> list[Node]:
    """The primitive steps that an output depends on."""
    graph = model.semantics
    return list(needed(graph.trace, [tensor.original for tensor in graph.outputs.values()]))


def needed(trace: Trace, results: Iterable[object]) -> Iterator[Node]:
    """Of a trace's steps those that these results depend on, modules and composites opened."""
    wanted = set(results)
    for node in reversed(trace.body):
        if wanted.intersection(node.outputs):
            wanted.update(reads(node))
            if not traces(node):
                yield node
            for inner in traces(node):
                yield from needed(inner, inner.results)


def traces(node: Node) -> tuple[Trace, ...]:
    return (*inner_traces(node.op), *([node.inner] if node.inner is not None else []))


def reads(node: Node) -> Iterator[object]:
    yield from node.inputs
    for trace in traces(node):
        for step in trace.body:
            yield from reads(step)


def quiet(node: Node) -> bool:
    """What figures of blocks leave out."""
    return node.op.look(*node.inputs).form == "quiet"


def trouble(model: Architecture) -> list[str]:
    drawing = model.draw()
    drawn = [id(node) for box in drawing.figure.boxes() for node in box.nodes]
    found = ["a step is drawn twice"] if len(drawn) != len(set(drawn)) else []
    left_out = [n for n in live(model) if id(n) not in drawn and not quiet(n)]
    found += [f"left out: {node.op.label()}" for node in left_out]
    down = model.draw(direction="down", cost="params")
    for each in (drawing, model.draw(level="ops"), down, replace(down, spacing="stacked")):
        said = wrong(picture(each.svg()))
        found += [word for word in said if any(sure in word for sure in SURE)]
        for text in (each.text(), each.dot(), each.mmd()):
            assert text
    net = model.graph()
    assert sum(params for _, params in net.nodes(data="params")) == model.check().params
    assert is_directed_acyclic_graph(net)
    return found


def opened(model: Architecture, names: Iterable[str]) -> list[str]:
    """What is wrong where these are open, as blocks and as ops."""
    found: list[str] = []
    for name in names:
        for level in LEVELS:
            drawing = model.draw(name, level=level)
            said = [*wrong(picture(drawing.svg())), *miswired(drawing)]
            found += [
                f"{name}, {level}: {word}"
                for word in said
                if any(sure in word for sure in (*SURE, "leads to", "no edge"))
            ]
            assert drawing.text()
    return found


def test_random_models_are_drawn_open() -> None:
    """In each something: modules come behind blocks, and of a kind the first goes by its name."""
    names = ((model, list(by_name(model.semantics))) for model in quick())
    assert [said for model, each in names for said in opened(model, each[-1:])] == []


@pytest.mark.slow
def test_whatever_is_open_in_many_random_models() -> None:
    many = models(range(QUICK, MANY // 2))
    assert [said for model in many for said in opened(model, by_name(model.semantics))] == []


def test_random_models_are_drawn_whole() -> None:
    found = [trouble(model) for model in quick()]
    assert len(found) > QUICK // 2
    assert [said for said in found if said] == []


@pytest.mark.slow
def test_many_random_models_are_drawn_whole() -> None:
    assert [said for model in models(range(QUICK, MANY)) for said in trouble(model)] == []


def test_few_figures_of_random_models_have_a_crossing() -> None:
    """Of nine in ten `tfspec draw` does not say that lines may cross: of 52 of these of 51."""
    drawings = [model.draw() for model in quick()]
    assert sum(not each.tangled for each in drawings) >= 0.9 * len(drawings)


def test_figures_that_do_not_say_so_have_no_crossing() -> None:
    """And those that do have one."""
    for drawing in (model.draw() for model in quick()):
        assert drawing.tangled == _crossing(wrong(picture(drawing.svg())))


INSIDE = """
tfspec: 1
name: inside
dims: {B: batch, T: 1..8, V: 9, d: 4}
inputs: {tokens: ids(V) B T}
streams: {a: [tokens, {embed: d}, relu2]}
outputs:
  y: [a, {linear: 3}]
  z: [{sum: [[a, norm, {linear: d}], [tokens, {embed: d}]]}]
"""


def test_a_branch_reads_its_neighbour_by_the_way_between_them() -> None:
    """No line to it comes from where the branches part."""
    drawing = of(INSIDE).draw()
    assert not drawing.tangled
    assert wrong(picture(drawing.svg())) == []


ADDED = """
tfspec: 1
name: added
dims: {batch_: batch, print: 2, x2: 3, U: 1..3, device: 3 * U, q: 3 * U, V: 5, kv: 3, nn: kv + 5}
inputs: {image: float batch_ (print) device x2, weights: ids(V) batch_ q}
blocks:
  series: {do: [attend: {heads: kv, to: image, pos: {query: [{linear: nn}, {linear: kv}]}}]}
streams: {encoder: [weights, {embed: kv}, {stack: {of: series, depth: 1}}]}
outputs: {to: encoder}
"""
"""Drawn by chance: its names are as long as to bring a line beside the label of a sum."""


@pytest.mark.skipif(which("dot") is None, reason="Graphviz is not installed")
def test_a_line_of_graphviz_ends_at_its_box_and_not_beside_a_label() -> None:
    assert not [s for s in wrong(picture(of(ADDED).draw(level="ops").svg())) if "at nothing" in s]


def _crossing(said: list[str]) -> bool:
    return any("crosses" in each for each in said)
