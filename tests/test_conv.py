"""The steps `conv` and `patch` against torch's convolutions, at every layout of what comes in."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.memory.measure import wrong
from tests.parity.running import model_of, randomise, relative
from tfspec.api import Architecture
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: toy
dims: {{B: batch, T: 6..9, H: multiple(4), W: 8, C: 3, d: 5}}
inputs: {{x: float B {axes}}}
streams: {{tokens: [x, {before}{{{step}}}]}}
outputs: {{states: tokens}}
"""
SIZES = {"B": 2, "T": 7, "H": 12, "W": 8, "C": 3}
# axes of the input, what comes before, the step, axes that are passed over, and torch's options
CASES: list[tuple[str, str, str, str, dict[str, object]]] = [
    ("(C) T", "", "conv: {size: {T: 3}, width: d}", "", {}),
    ("(C) T", "", "conv: {size: {T: 4}, stride: {T: 2}, pad: {T: 1}, width: d, bias: false}", "", {"stride": 2, "padding": 1}),
    ("T (C)", "", "conv: {size: {T: 3}, pad: {T: 2}, width: d}", "", {"padding": 2}),
    ("(C) H W", "", "conv: {size: {H: 3, W: 2}, stride: {H: 2}, pad: {W: 1}, width: d}", "", {"stride": (2, 1), "padding": (0, 1)}),
    ("H W (C)", "", "conv: {size: {H: 3, W: 3}, width: d}", "", {}),
    ("T (C) H W", "", "conv: {size: {H: 3, W: 3}, stride: {H: 3, W: 3}, width: d}", "T", {"stride": 3}),
    ("T (C) H W", "", "patch: {size: {H: 4, W: 4}, width: d}", "T", {"stride": 4}),
    ("H W (C)", "{scale: 1}, ", "conv: {size: {W: 3}, width: d}", "H", {}),
    ("H W (C)", "{scale: 1}, ", "patch: {size: {H: 2, W: 4}, width: d}", "", {"stride": (2, 4)}),
    ("(C) T H W", "", "conv: {size: {T: 2, H: 3, W: 3}, width: d}", "", {}),
]  # fmt: skip


def architecture(axes: str, before: str, step: str) -> Architecture:
    return Architecture(load_text(SPEC.format(axes=axes, before=before, step=step)), {})


@pytest.mark.parametrize(("axes", "before", "step", "passed", "options"), CASES)
@torch.no_grad()
def test_it_is_torchs(
    axes: str, before: str, step: str, passed: str, options: dict[str, object]
) -> None:
    model = model_of(architecture(axes, before, step).emit())
    weights = dict(model.named_parameters())
    randomise(weights, seed=1)
    names = ["B", *axes.replace("(C)", "C").split()]
    x = torch.randn([SIZES[n] for n in names], generator=torch.Generator().manual_seed(2))
    grid = [n for n in names[1:] if n != "C" and n not in passed]
    first = x.permute([names.index(n) for n in ["B", *passed, "C", *grid]])
    weight, bias = (next((w for n, w in weights.items() if n.endswith(e)), None) for e in ("weight", "bias"))  # fmt: skip
    conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(grid)]
    wanted = conv(first.flatten(0, len(passed)).contiguous(), weight, bias, **options)
    wanted = wanted.flatten(2).transpose(1, 2).reshape(2, -1, 5)
    assert relative(model(x), wanted) < 1e-6


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[2]}")
def test_saved_bytes(case: tuple[str, str, str, str, dict[str, object]]) -> None:
    assert wrong(architecture(*case[:3]), "fast") == []
