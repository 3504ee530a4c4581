"""Tokens pooled over some axes of a grid, and over all."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
import torch

from tests.cost.counted import miscounted
from tests.memory.measure import STYLES, wrong
from tests.parity.running import run_file
from tests.time import measured
from tfspec.api import Architecture
from tfspec.program.program import Style
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: pooled
dims: {B: batch, F: 1..4, H: 3, W: multiple(2) <= 8, d: 6}
inputs: {x: float B F H W (d)}
streams: {video: [x, {pool: {KIND: AXES}}]}
outputs: {y: video}
"""
AXES = [*chain.from_iterable(combinations("FHW", count) for count in (1, 2, 3))]


def pooled(kind: str, axes: tuple[str, ...]) -> Architecture:
    text = SPEC.replace("KIND", kind).replace("AXES", f"[{', '.join(axes[::-1])}]")
    return Architecture(load_text(text))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", ["mean", "max"])
@pytest.mark.parametrize("axes", AXES)
def test_some_axes_go(axes: tuple[str, ...], kind: str, style: Style) -> None:
    model = run_file(pooled(kind, axes).emit(style=style)).build()
    for sizes in ((2, 3, 3, 4, 6), (1, 1, 3, 2, 6)):
        x = torch.randn(sizes)
        over = ["BFHW".index(axis) for axis in axes]
        wanted = x.mean(over) if kind == "mean" else x.amax(over)
        torch.testing.assert_close(model(x), wanted.flatten(1, -2) if wanted.dim() > 2 else wanted)


@pytest.mark.parametrize("kind", ["mean", "max"])
def test_costs_are_what_torch_counts(kind: str) -> None:
    text = SPEC.replace("[x, ", "[x, {linear: d}, ").replace(
        "{y: video}", "{y: [video, {linear: 5}]}"
    )
    architecture = Architecture(load_text(text.replace("KIND", kind).replace("AXES", "[F, W]")))
    assert wrong(architecture, "fast") == []
    assert [*miscounted(architecture, {"B": 2, "F": 3, "W": 4})] == []
    measured.assert_traffic(architecture, "fp32")
