"""Work that is thrown away: it runs, and neither backward nor memory has anything of it.

A part that has a tensor of its own, and that no output is made of, is computed layer by layer for
the sake of the other; in the last layer it is not read any more.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import tfspec
from tests.cost.counted import costs, miscounted
from tests.memory.live import differences
from tests.memory.measure import STYLES, wrong
from tests.memory.partition import cut_step
from tests.time import measured
from tfspec.api import Architecture
from tfspec.passes import reached
from tfspec.passes.memory.compiled import kept_compiled
from tfspec.program.program import Style
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim

pytestmark = pytest.mark.filterwarnings("default", "ignore::DeprecationWarning")

MODEL = """
tfspec: 1
name: thrown-away
dims: {B: batch, T: 1..6, R: 1..5, Q: 1..4, d: 8, e: 12, f: 6, L: DEPTH}
inputs: {x: float B T (d), y: float B R (e), z: float B Q (f)}
blocks:
  layer:
    norm: {at: pre}
    do: STEPS
streams:
  joint: JOINT
outputs:
  out: [joint, {take: TAKEN}, {linear: 5}]
"""
EACH_OTHER = """
      - par:
          - attend: {only: x, to: y, heads: 2}
          - attend: {only: y, to: x, heads: 2}
      - ffn: {only: x, hidden: 10, act: gelu}
      - ffn: {only: y, hidden: 10, act: gelu}"""
IN_A_ROW = """
      - par:
          - attend: {only: x, to: y, heads: 2}
          - attend: {only: y, to: z, heads: 2}
          - attend: {only: z, heads: 2}
      - ffn: {only: z, hidden: 10, act: relu}"""
TWO = "[{concat: [x, y]}, {stack: {of: layer, depth: L}}]"
THREE = "[{concat: [x, y, z]}, {stack: {of: layer, depth: L}}]"
ONCE = "[{concat: [x, y]}, layer]"
CASES = {
    "the second of two": (TWO, EACH_OTHER, "x"),
    "the first of two": (TWO, EACH_OTHER, "y"),
    "a block without a stack": (ONCE, EACH_OTHER, "x"),
    "two of three": (THREE, IN_A_ROW, "x"),
    "the first two of three": (THREE, IN_A_ROW, "z"),
}
DEPTHS = (1, 2, 3, 4, 9)
LEAST = {"B": 1, "T": 1, "R": 1, "Q": 1}
SIZES = {"B": 2, "T": 5, "R": 4, "Q": 3}


def model(case: str, depth: int = 6, share: str = "") -> Architecture:
    joint, steps, taken = CASES[case]
    text = MODEL.replace("JOINT", joint).replace("STEPS", steps).replace("TAKEN", taken)
    text = text.replace("DEPTH", str(depth))
    if "z" not in joint:
        text = text.replace(", z: float B Q (f)", "").replace(" Q: 1..4,", "").replace(" f: 6,", "")
    if share:
        text = text.replace("    norm: {at: pre}", f"    norm: {{at: pre}}\n    share: {share}")
    return Architecture(load_text(text))


def known(architecture: Architecture, sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: sizes[name] for name in architecture.semantics.facts.domains if name in sizes}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", CASES)
def test_saved_bytes(case: str, style: Style) -> None:
    assert wrong(model(case), style) == []


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("case", ["the second of two", "two of three"])
def test_saved_bytes_by_depth(case: str, depth: int) -> None:
    assert wrong(model(case, depth), "fast") == []


def wrong_counts(architecture: Architecture) -> list[str]:
    return list(miscounted(architecture, known(architecture, SIZES), known(architecture, LEAST)))


@pytest.mark.parametrize("case", CASES)
def test_flops(case: str) -> None:
    architecture = model(case)
    assert wrong_counts(architecture) == []


@pytest.mark.parametrize("depth", DEPTHS)
def test_flops_by_depth(depth: int) -> None:
    architecture = model("two of three", depth)
    assert wrong_counts(architecture) == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", CASES)
def test_the_peak(case: str, style: Style) -> None:
    architecture = model(case)
    assert (
        differences(
            architecture,
            style,
            "fp32",
            {**architecture.semantics.bindings(), **known(architecture, SIZES)},
            "none",
        )
        == []
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_compiled_step(case: str) -> None:
    architecture, style = model(case, 3), "fast"
    told = kept_compiled(
        architecture.semantics,
        style=style,
        sizes={**architecture.semantics.bindings(), **known(architecture, SIZES)},
    ).bytes
    assert (
        cut_step(
            architecture,
            {**architecture.semantics.bindings(), **known(architecture, SIZES)},
            "fp32",
            style,
        ).bytes
        == told
    )


@pytest.mark.parametrize("case", CASES)
def test_bytes_that_backward_moves(case: str) -> None:
    architecture = model(case)
    moves = measured.backward(tfspec.build(architecture), measured.given_to(architecture.semantics))
    ours = measured.counted(architecture.semantics, "train", "backward")
    assert moves.total("aten.clone.") == ours


def test_backward_of_attention_runs_where_a_gradient_comes() -> None:
    """Of three in a row, the last's attention is thrown away in the last two layers: 5 products of
    2·B·Q²·f FLOPs in each of the others."""
    timing = model("two of three").cost("train", dtype="bf16", target="h200").timing
    assert timing is not None
    found = [job.flops for job in timing.jobs if (job.phase, job.kind) == ("backward", "attention")]
    at = {**SIZES, "d": 8, "e": 12, "f": 6, "L": 6}
    b, q = SIZES["B"], SIZES["Q"]
    assert found[-1].value(at) == 10 * b * (6 - 2) * q**2 * 6


@pytest.mark.parametrize(
    ("depth", "share"),
    [
        (6, "one(i % 2)"),
        (6, "one(i % 3)"),
        (9, "one(i % 3)"),
        (8, "one(i % 4)"),
        (4, "one"),
        (2, "one"),
    ],
)
@pytest.mark.parametrize("case", ["the second of two", "two of three"])
def test_bytes_that_backward_moves_in_rounds(case: str, depth: int, share: str) -> None:
    """Layers at the ends of a stack stand apart also where weights come back."""
    architecture = model(case, depth, share)
    moves = measured.backward(tfspec.build(architecture), measured.given_to(architecture.semantics))
    assert moves.total("aten.clone.") == measured.counted(
        architecture.semantics, "train", "backward"
    )


def test_the_formula_has_the_last_layer_apart() -> None:
    """With more layers each adds as much, in the sizes of the spec."""
    each = [costs(model("the second of two", depth), {}).work.backward for depth in (6, 7, 8)]
    assert all("L" in formula.symbols for formula in each)
    at = {**SIZES, "d": 8, "e": 12}
    numbers = [formula.value({**at, "L": depth}) for formula in each for depth in (6, 7, 8)]
    assert numbers == numbers[:3] * 3
    assert numbers[1] - numbers[0] == numbers[2] - numbers[1] > 0


def test_a_gradient_to_all_that_runs_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    case = "the second of two"

    def all_of_it(tape: reached.Tape[object], outputs: object) -> list[object]:
        del outputs
        return [step for step, _ in tape.steps]

    monkeypatch.setattr(reached.Tape, "reached", all_of_it)
    assert wrong(model(case), "fast") != []
    assert wrong_counts(model(case)) != []


def test_too_few_layers_apart_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def one(layers: Dim, count: int, front: int, back: int) -> list[Dim]:
        return turns(layers, count, min(front, 1), min(back, 1))

    turns = reached.turns
    monkeypatch.setattr(reached, "turns", one)
    assert wrong(model("two of three"), "fast") != []
