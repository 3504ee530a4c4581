"""FLOPs, bytes kept and the peak of a step where streams are frozen: as torch has them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence

import pytest
import torch

import tfspec
from tests.cost.counted import costs, forward_and_backward, given, miscounted, model, sizes
from tests.freeze.specs import CASES, frozen
from tests.memory.live import differences, drawn, labels, lived
from tests.memory.measure import dropped, whole, wrong
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.passes.cost import work
from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.program import saves
from tfspec.program.program import Precision, Style
from tfspec.spec.load import load_text

STYLES: tuple[Style, ...] = ("fast", "explicit")
FULL = tfspec.load("examples/frozen/llava-stage-1.yaml", {"B": 2, "T": 1024, "M": 1})
PROJECTOR = 1024 * 4096 + 4096 + 4096 * 4096 + 4096


@pytest.mark.parametrize(("name", "streams"), CASES)
def test_flops_are_counted_exactly(name: str, streams: Sequence[str]) -> None:
    spec = frozen(name, streams)
    assert [*miscounted(spec, *(sizes(spec, seed) for seed in (0, 1)))] == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("name", "streams"), CASES)
def test_what_autograd_keeps(name: str, streams: Sequence[str], style: Style) -> None:
    assert wrong(frozen(name, streams), style) == []


@pytest.mark.parametrize(("name", "streams"), CASES)
def test_what_autograd_keeps_with_dropout(name: str, streams: Sequence[str]) -> None:
    assert wrong(frozen(name, streams, dropped(whole(name))), "fast") == []


STEPS = [
    ("fast", "fp32", "none"),
    pytest.param("explicit", "bf16", "none", marks=pytest.mark.slow),
    pytest.param("fast", "fp32", "block", marks=pytest.mark.slow),
    pytest.param("fast", "bf16", "full", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "streams"), CASES)
@pytest.mark.parametrize(("style", "dtype", "checkpoint"), STEPS)
def test_a_step(
    name: str, streams: Sequence[str], style: Style, dtype: Precision, checkpoint: Checkpoint
) -> None:
    assert differences(frozen(name, streams), style, dtype, checkpoint=checkpoint) == []


FIXED_KEYS = """
tfspec: 1
name: fixed-keys
dims: {B: batch, S: 1..9, T: 1..9, d: 16, h: 2}
inputs: {x: float B T (d), y: float B S (d)}
streams:
  begin: [x, {linear: d}]
  memory: {do: [y, {linear: d}], freeze: true}
  out: {do: [begin, {attend: {heads: h, to: memory, dropout: 0.1}}], freeze: true}
outputs: {z: out}
"""


@pytest.mark.parametrize("style", STYLES)
def test_keys_without_a_gradient(style: Style) -> None:
    """Frozen maps of frozen tokens: products of matrices keep no queries for them."""
    assert wrong(Architecture(load_text(FIXED_KEYS)), style) == []


FROZEN_OUTPUT = """
tfspec: 1
name: frozen-output
dims: {B: 4, T: 5, d: 8}
inputs: {x: float B T (d)}
streams:
  begin: {do: [x, {linear: d}], freeze: true}
  more: [begin, {linear: d}, relu]
outputs: {y: [more, {linear: 3}], z: begin}
"""


@pytest.mark.parametrize("checkpoint", ["none", "block"])
def test_of_a_frozen_output_the_loss_keeps_nothing(checkpoint: Checkpoint) -> None:
    spec = Architecture(load_text(FROZEN_OUTPUT))
    sizes = spec.semantics.bindings()
    model = run_file(spec.emit()).build()
    live = lived(model, drawn(spec, sizes, torch.float32), labels(spec, sizes))
    found = {each.name: each.value for each in spec.cost("train", checkpoint=checkpoint).quantities}
    assert found["activations"] + found["loss"] == live.between
    assert found["loss"] == 4 * (4 * 5 * 3 + 1 + 1)


def test_these_tests_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen map that keeps its rows is seen, and one whose weight's product is counted."""
    spec = frozen("llava-1.5-7b", ["image", "clip", "text"])
    at = sizes(spec, 0)
    _, backward = forward_and_backward(model(spec), given(spec.semantics, at))
    monkeypatch.setattr("tfspec.ops.linear.FROZEN_MAP", saves.nothing("", learns=True))
    assert wrong(spec, "fast") != []
    monkeypatch.setattr("tfspec.graph.scope.Weight.trained", True)
    cost = costs(frozen("llava-1.5-7b", ["image", "clip", "text"]), at)
    assert cost.number(cost.work.backward) > backward


def test_gradients_and_states_are_those_of_trained_weights() -> None:
    cost = FULL.cost("train", dtype="bf16")
    found = {each.name: each for each in cost.quantities}
    assert found["trained"].value == PROJECTOR == 20_979_712
    assert found["weights"].value == 2 * 7_063_427_072
    assert found["gradients"].value == 2 * PROJECTOR
    assert found["optimizer"].value == 4 * PROJECTOR
    assert found["gradients"].said == "2 bytes a trained parameter"
    assert found["peak_total"].value == found["peak"].value + 2 * 7_063_427_072 + 4 * PROJECTOR
    assert work.trained(FULL.semantics) == ["logits"]


def test_every_format_tells_what_is_trained() -> None:
    cost = FULL.cost("train", dtype="bf16")
    params = json.loads(cost.json())["params"]
    assert (params["total"], params["trained"]) == (7_063_427_072, PROJECTOR)
    rows = {row["path"]: row for row in csv.DictReader(cost.csv().splitlines())}
    assert [rows[name]["trained_params"] for name in ("words", "text")] == [str(PROJECTOR), "0"]
    said = f"parameters that are trained: {PROJECTOR:,} of 7,063,427,072, the rest is frozen"
    assert said in cost.text()
    assert "trained parameters $d^{2} + d \\cdot e + 2 \\cdot d = 20{,}979{,}712$" in cost.latex()
    assert "trained_params" not in tfspec.cost("gpt2", {"B": 1}).csv()


def test_the_rule_of_thumb_says_what_it_takes() -> None:
    cost = frozen("gpt2", []).cost("train")
    assert "it takes" not in cost.text()
    told = " ".join(frozen("llama-3-8b", ["text"]).cost("train").text().split())
    assert "% of this step's; it takes all of them to be trained." in told


def test_time_follows() -> None:
    """A step of the first stage moves and computes less than one that trains all, in any form."""
    plain = tfspec.load("llava-1.5-7b", {"B": 2, "T": 1024, "M": 1})
    for compiled in (False, True):
        how = {"dtype": "bf16", "target": "h200", "compiled": compiled}
        less, more = (spec.cost("train", **how) for spec in (FULL, plain))
        assert less.timing is not None
        assert more.timing is not None
        jobs = [
            {phase: sum(job.flops.value(cost.values) for job in timing.jobs if job.phase == phase)
             for phase in ("forward", "backward")}
            for cost, timing in ((less, less.timing), (more, more.timing))
        ]  # fmt: skip
        assert jobs[0]["forward"] == jobs[1]["forward"]
        assert 0.4 < jobs[0]["backward"] / jobs[1]["backward"] < 0.6
        step = [job for job in less.timing.jobs if job.phase == "optimizer"]
        assert [job.bytes.value(less.values) for job in step] == [7 * 2 * PROJECTOR]


def test_a_sweep_and_checkpoints() -> None:
    spec = frozen("llava-1.5-7b", ["image", "clip", "text"])
    none, block = (spec.cost("train", checkpoint=how) for how in ("none", "block"))
    assert none.recomputed is None
    assert block.recomputed is not None
    tower = frozen("vit-b16", ["image"]).cost("train", checkpoint="block")
    assert tower.recomputed is not None
    assert tower.number(tower.recomputed) == 0  # nothing of it is kept, so nothing runs again
