"""Whole training runs: the arithmetic, by hand."""

from __future__ import annotations

import math

import pytest

import tfspec
from tfspec.api import Architecture, SpecError
from tfspec.passes.time.runs import Amount, Training
from tfspec.spec.load import load_text

GPT3 = """
tfspec: 1
name: gpt3-like
dims: {B: batch, T: 1..2048, V: 50257, d: 12288, h: 96, L: 96}
inputs: {tokens: ids(V) B T}
blocks:
  layer:
    norm: {kind: layer}
    bias: false
    do: [{attend: {heads: h, mask: causal}}, {ffn: {hidden: 4 * d, act: gelu}}]
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}, norm]}
outputs: {logits: [text, {linear: {width: V, bias: false}}]}
"""


def run(architecture: Architecture, amount: Amount, **how: str) -> Training:
    found = architecture.cost("train", dtype="bf16", target="h200", run=amount, **how).training  # pyright: ignore
    assert found is not None
    return found


def test_gpt3_by_hand() -> None:
    """6ND and attention (Chowdhery et al. 2022, appendix B: 6N + 12LHQT a token), at 40 % of peak.

    N here are the weights that multiply: the table of words is looked up, not multiplied.
    """
    architecture = Architecture(load_text(GPT3), {"B": 4, "T": 2048})
    found = run(architecture, Amount("tokens", 300 * 10**9, 1024))
    multiply = 96 * 12 * 12288**2 + 50257 * 12288
    each_token = 6 * multiply + 12 * 96 * 12288 * 2048
    assert found.each_step == 4 * 2048
    assert found.steps == math.ceil(300e9 / (4 * 2048 * 1024)) == 35763
    assert found.step_seconds == pytest.approx(each_token * 8192 / (0.4 * 989.5e12))
    assert (found.mfu, found.assumed) == (pytest.approx(0.4), True)
    assert found.wall_seconds == pytest.approx(found.steps * found.step_seconds)
    hours = each_token * 300e9 / (0.4 * 989.5e12) / 3600
    assert found.gpu_hours == pytest.approx(hours, rel=1e-4)
    assert found.kwh == pytest.approx(found.gpu_hours * 0.7)
    # the rule alone, 3.15e23 FLOPs for 175 billion parameters, is 3 % less
    assert each_token * 300e9 == pytest.approx(3.15e23, rel=0.04)


def test_more_gpus_take_less_time_and_as_many_hours() -> None:
    one, eight = (
        run(tfspec.load("gpt2"), Amount("tokens", 8 * 1024 * 1000, gpus)) for gpus in (1, 8)
    )
    assert (one.steps, eight.steps) == (8000, 1000)
    assert one.gpu_hours == pytest.approx(eight.gpu_hours)
    assert one.wall_seconds == pytest.approx(8 * eight.wall_seconds)


def test_the_last_step_is_a_whole_one() -> None:
    found = run(tfspec.load("gpt2", {"B": 2, "T": 100}), Amount("tokens", 2001, 5))
    assert (found.each_step, found.steps) == (200, 3)


def test_one_sample_is_one() -> None:
    spec = tfspec.load("vit-b16", {"B": 1})
    told = str(spec.cost("train", target="h200", dtype="bf16", run=Amount("samples", 1, 1)))
    assert "1 sample on 1 GPU" in told
    assert "a step is of 1 sample on each GPU" in told


def test_samples_of_images() -> None:
    found = run(tfspec.load("vit-b16", {"B": 64}), Amount("samples", 1_281_167, 8))
    assert (found.each_step, found.steps) == (64, 2503)


def test_images_have_no_tokens_to_count() -> None:
    with pytest.raises(SpecError) as refused:
        run(tfspec.load("vit-b16"), Amount("tokens", 1000))
    (only,) = refused.value.diagnostics
    assert only.message == "vit-b16 reads no text, and a run is counted in one text's tokens"
    assert only.help == ("count `--samples`",)


def test_two_texts_are_not_one() -> None:
    with pytest.raises(SpecError) as refused:
        run(tfspec.load("transformer-base"), Amount("tokens", 1000))
    (only,) = refused.value.diagnostics
    expected = "transformer-base reads 2 texts, and a run is counted in one text's tokens"
    assert only.message == expected
