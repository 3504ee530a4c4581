"""A new op and a new layer from outside tfspec: everything works with them, and tfspec is unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
import yaml

import tfspec
from tests.draw.picture import picture
from tests.draw.picture import wrong as wrong_picture
from tests.fuzz import running
from tests.fuzz.oracle import examine
from tests.memory.measure import wrong
from tfspec.api import Architecture
from tfspec.layers.base import STEPS
from tfspec.passes.check import check
from tfspec.passes.emit.emit import program_of
from tfspec.program.program import Style
from tfspec.spec.json_schema import json_schema
from tfspec.spec.load import load_text

ROOT = Path(__file__).parents[2]
SPEC = """
tfspec: 1
name: mixer
dims: {B: batch, T: 1..6, d: 8, L: 3}
inputs: {tokens: ids(11) B T}
blocks:
  mix: {norm: {at: pre}, do: [causal_mean, {ffn: {hidden: 2 * d, act: gelu}}]}
streams:
  text: [tokens, {embed: d}, {stack: {of: mix, depth: L}}, {causal_mean: {gain: false, width: 5}}]
outputs: {logits: [text, {linear: 11}]}
"""
PARAMS = 11 * 8 + 3 * (16 + 8 + 16 + (8 * 16 + 16) + (16 * 8 + 8)) + (8 * 5 + 5) + (5 * 11 + 11)


@pytest.fixture(autouse=True)
def outside() -> Iterator[None]:
    """The outside layer, known here and nowhere else: other tests see tfspec's own steps only."""
    from tests.outside.mixing import Mean

    STEPS[Mean.step] = Mean  # what defining it does, once a process
    yield
    STEPS.pop(Mean.step, None)


def test_check_knows_its_parameters() -> None:
    checked = check(load_text(SPEC), {})
    assert (checked.ok, checked.params) == (True, PARAMS)
    assert checked.graph is not None
    assert checked.graph.signature_line() == "tokens [B, T] -> logits [B, T, 11]"


def test_its_mistakes_have_places() -> None:
    wrong = SPEC.replace("causal_mean, {ffn", "{causal_mean: {gaim: true}}, {ffn")
    (found,) = check(load_text(wrong, "a.yaml"), {}).diagnostics
    assert found.message == "unknown key `gaim` of `causal_mean`" or "gaim" in found.message
    assert found.primary is not None
    assert found.primary.span.line == 7
    pooled = SPEC.replace("{embed: d},", "{embed: d}, {pool: mean},")
    codes = {each.code for each in check(load_text(pooled), {}).diagnostics}
    assert codes == {"TS999"}


def test_its_sizes_are_proved() -> None:
    wrong = SPEC.replace("width: 5", "width: d / 3")
    (found,) = check(load_text(wrong), {}).diagnostics
    assert (found.code, found.message) == ("TS202", "d is not divisible by 3")


def test_shapes_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "mixer.yaml"
    path.write_text(SPEC)
    labels = [row.label for row in tfspec.load(path).shapes().rows]
    assert any("running mean" in label or "causal_mean" in label for label in labels), labels


def test_it_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "mixer.yaml"
    path.write_text(SPEC)
    drawing = tfspec.load(path).draw(cost="flops")
    assert wrong_picture(picture(drawing.svg())) == []
    assert [box.title for box in drawing.figure.boxes()].count("running mean") == 2
    assert drawing.text().count("running mean") == 2


def test_it_is_built_and_runs(tmp_path: Path) -> None:
    assert examine(SPEC).runs == 3
    path = tmp_path / "mixer.yaml"
    path.write_text(SPEC)
    model = tfspec.build(path)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMS
    assert model(torch.zeros(2, 5, dtype=torch.long)).shape == (2, 5, 11)


def test_its_numbers_are_right() -> None:
    """Against the definition: token n of the result is the mean of tokens 0 to n, times the gain."""
    small = SPEC.replace("{causal_mean: {gain: false, width: 5}}", "causal_mean")
    small = small.replace("{stack: {of: mix, depth: L}}, ", "").replace(
        "[text, {linear: 11}]", "text"
    )
    graph = check(load_text(small), {}).graph
    assert graph is not None
    program = program_of(graph)
    model, given = running.model(program), running.weights(program, 1)
    running.load(model, program, given)
    ids = torch.tensor([[3, 1, 4, 1]])
    table, gain = given["embed.weight"][ids], given["gain"]
    wanted = torch.stack([table[:, : n + 1].mean(1) * gain for n in range(4)], 1)
    torch.testing.assert_close(running.call(model, graph, {"tokens": ids})[0], wanted)


def test_it_compiles_without_a_break() -> None:
    torch.compiler.reset()
    graph = check(load_text(SPEC), {}).graph
    assert graph is not None
    model = running.model(program_of(graph))
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    ids = torch.randint(11, (2, 5))
    with torch.no_grad():
        torch.testing.assert_close(compiled(ids), model(ids))


@pytest.mark.parametrize("style", ["fast", "explicit"])
def test_what_it_keeps_for_backward_is_counted(style: Style) -> None:
    assert wrong(Architecture(load_text(SPEC)), style) == []


def test_the_schema_has_it() -> None:
    tree = yaml.safe_load(SPEC)
    jsonschema.validate(tree, json_schema())
    tree["streams"]["text"][-1] = {"causal_mean": {"gaim": False}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree, json_schema())


def test_without_it_the_step_is_unknown() -> None:
    """The test of these tests: what makes them pass is the layer, not that any step is let through."""
    del STEPS["causal_mean"]
    found = check(load_text(SPEC), {}).diagnostics
    assert {each.code for each in found} <= {"TS106", "TS133"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(SPEC), json_schema())


def test_the_command_line_finds_it_by_its_entry_point(tmp_path: Path) -> None:
    info = tmp_path / "mixing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mixing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tfspec.layers]\nmean = tests.outside.mixing:Mean\n")
    spec = tmp_path / "mixer.yaml"
    spec.write_text(SPEC)

    def run(*path: Path) -> Any:
        places = os.pathsep.join(map(str, [ROOT, *path]))
        return subprocess.run(
            [sys.executable, "-m", "tfspec", "check", "--format", "json", str(spec)],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": places}, check=False,
        )  # fmt: skip

    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["specs"][0]["params"] == PARAMS
    assert run().returncode == 1
