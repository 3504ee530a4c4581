"""Rates by layer, and drop path: which layer has which, and whole samples left out in training."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from tests.parity.running import model_of, run_file
from tfspec import api
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")
RATE = "0.2 * i / (n - 1)"
SPEC = """
tfspec: 1
name: toy
dims: {B: batch, T: 1..16, d: 8, h: 2, L: 4}
inputs: {x: float B T (d)}
blocks:
  one: {norm: {at: pre}, RULE, do: [attend: {heads: h KNOB}, ffn: {hidden: 12, act: gelu}]}
  two: {extends: one}
  between: [norm, one]
  halve: [norm, {linear: width}]
streams: {s: [x, PIPELINE]}
outputs: {y: s}
"""
PIPELINES = {
    "a stack": ("{stack: {of: one, depth: 3}}", 3),
    "two stacks with a list block between": (
        "{stack: {of: one, depth: 3}}, halve, {stack: {of: one, depth: L}}",
        7,
    ),
    "a pattern": ("{stack: {of: [one, two], depth: 6}}", 6),
    "a pattern once": ("one, {stack: {of: [one, two], depth: 2}}", 3),
    "nested lists are a layer": ("{stack: {of: [[one, two], one], depth: L}}", 4),
    "a block in a list block": ("one, between, {stack: {of: two, depth: 2}}", 4),
    "operands": ("{sum: [one, {stack: {of: one, depth: 2}}]}, two", 4),
}


def made(pipeline: str, rule: str = f"residual: {{drop_path: {RATE}}}", knob: str = "") -> str:
    return SPEC.replace("RULE", rule).replace("KNOB", knob).replace("PIPELINE", pipeline)


def emitted(text: str, style: str = "fast") -> str:
    return api.Architecture(load_text(text)).emit(style=style)


def rates(model: nn.Module, name: str = "drop_rate") -> list[float]:
    """The rates of all modules that have one, in order."""
    return [float(getattr(m, name)) for m in model.modules() if hasattr(m, name)]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", PIPELINES)
def test_every_layer_has_its_rate(case: str, style: str) -> None:
    pipeline, count = PIPELINES[case]
    model = model_of(emitted(made(pipeline), style))
    found = sorted({round(rate, 9) for rate in rates(model)})
    assert found == [round(0.2 * i / (count - 1), 9) for i in range(count)]


def test_layers_of_one_stack_in_their_order() -> None:
    source = emitted(made(PIPELINES["a pattern"][0]))
    assert rates(model_of(source)) == pytest.approx([0.2 * i / 5 for i in range(6)])
    assert "One(0.2 * i / 5)" in source
    assert "One(0.2 * (i + 1) / 5)" in source
    assert "for i in range(0, 6, 2)" in source


def test_a_later_stack_goes_on_counting() -> None:
    source = emitted(made("one, {stack: {of: one, depth: 3}}"))
    assert "One(0.2 * 0 / 3)" in source
    assert "One(0.2 * i / 3) for i in range(1, 4)" in source
    assert rates(model_of(source)) == pytest.approx([0, 0.2 / 3, 0.4 / 3, 0.2])


@pytest.mark.parametrize("rate", ["0", "0 * i"])
def test_nothing_is_emitted_where_the_rate_is_0(rate: str) -> None:
    source = emitted(made("{stack: {of: one, depth: 3}}", f"residual: {{drop_path: {rate}}}"))
    assert "drop" not in source.split("import torch", 1)[1]


def test_other_rates_by_layer() -> None:
    rule = "residual: {layerscale: 0.1 ** (i + 1), scale: 1 / (i + 1), skip: n ** -0.5}"
    source = emitted(made("{stack: {of: one, depth: 3}}", rule, ", dropout: 0.1 * (i + 1)"))
    model = model_of(source)
    assert rates(model, "dropout") == pytest.approx([0.1, 0.2, 0.3])
    assert rates(model, "scale") == pytest.approx([1, 1 / 2, 1 / 3])
    starts = [block.layerscale1[0].item() for block in model.blocks]
    assert starts == pytest.approx([0.1, 0.01, 0.001])
    assert "3 ** (-0.5)" in source


# ---- what it does


def lone(p: float, style: str = "fast") -> tuple[ModuleType, nn.Module]:
    """A model of one layer with this rate."""
    file = run_file(emitted(made("one", f"residual: {{drop_path: {p}}}"), style))
    torch.manual_seed(0)
    return file, file.build()


@torch.no_grad()
def branches(file: ModuleType, model: nn.Module, x: Tensor) -> tuple[list[Tensor], Tensor]:
    """What each call of drop_path was given and gave, and the model's result."""
    seen: list[Tensor] = []
    plain = file.drop_path

    def watched(f: Tensor, rate: float, training: bool) -> Tensor:
        result = plain(f, rate, training)
        seen.extend((f, result))
        return result

    file.drop_path = watched  # type: ignore[attr-defined]
    try:
        return seen, model(x)
    finally:
        file.drop_path = plain  # type: ignore[attr-defined]


@pytest.mark.parametrize("style", STYLES)
def test_in_training_whole_samples_go_and_the_others_are_scaled(style: str) -> None:
    file, model = lone(0.25, style)
    x = torch.randn(64, 5, 8)
    seen, _ = branches(file, model.train(), x)
    for f, result in zip(seen[::2], seen[1::2], strict=True):
        gone = (result == 0).flatten(1).all(1)
        assert 0 < gone.sum() < 64
        assert torch.allclose(result[~gone], f[~gone] / 0.75)
        assert torch.equal(result[gone], torch.zeros_like(f[gone]))


def test_a_rate_near_1_leaves_the_input() -> None:
    _, model = lone(0.999999)
    x = torch.randn(4, 5, 8)
    assert torch.equal(model.train()(x), x)
    assert not torch.equal(model.eval()(x), x)


@pytest.mark.parametrize("style", STYLES)
def test_in_evaluation_there_is_none(style: str) -> None:
    _, model = lone(0.25, style)
    plain = model_of(emitted(made("one", "residual: {scale: 1}"), style))
    plain.load_state_dict(model.state_dict())
    x = torch.randn(4, 5, 8)
    assert torch.equal(model.eval()(x), plain.eval()(x))


def test_branches_and_samples_are_drawn_apart() -> None:
    file, model = lone(0.5)
    seen, _ = branches(file, model.train(), torch.randn(64, 5, 8))
    gone = [(result == 0).flatten(1).all(1) for result in seen[1::2]]
    assert len(gone) == 2
    assert not torch.equal(*gone)


@pytest.mark.parametrize("training", [False, True])
def test_it_compiles_whole(training: bool) -> None:
    model = model_of(emitted(made("{stack: {of: [one, two], depth: 4}}"))).train(training)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    x = torch.randn(3, 5, 8)
    torch.manual_seed(3)
    expected = model(x)
    torch.manual_seed(3)
    assert torch.allclose(compiled(x), expected, atol=1e-6)
