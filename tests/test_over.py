"""Attention over some axes is attention over all of them that is masked to equal places in others."""

from __future__ import annotations

import pytest
import torch

from tests.parity.running import model_of, place, randomise, relative
from tfspec.api import Architecture
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: toy
dims: {{B: batch, T: 1..9, H: 3, W: 1..9, d: 12, h: 3}}
inputs: {{grid: float B {axes} (d)}}
blocks:
  layer: {{norm: {{at: pre}}, do: [{{attend: {{heads: h, {knob}}}}}]}}
streams:
  video: [grid, {{stack: {{of: layer, depth: 2}}}}]
outputs: {{states: video}}
"""
STYLES = ("fast", "explicit")
OVER = ("T", "H", "W", "TH", "WH", "WT")


def model(axes: str, knob: str, style: str) -> torch.nn.Module:
    text = SPEC.format(axes=" ".join(axes), knob=knob)
    return model_of(Architecture(load_text(text), {}).emit(style=style))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("axes", ["THW", "HWT", "HTW"])
def test_tokens_that_differ_elsewhere_do_not_meet(axes: str, over: str, style: str) -> None:
    """Gradients too."""
    others = " and ".join(f"query.{name} == key.{name}" for name in axes if name not in over)
    some = model(axes, f"over: [{', '.join(over)}]", style)
    whole = model(axes, f"mask: {others}", style)
    weights = dict(some.named_parameters())
    randomise(weights, seed=1)
    place(whole, weights)
    sizes = {"T": 4, "H": 3, "W": 2}
    rng = torch.Generator().manual_seed(2)
    grid = torch.randn(2, *(sizes[name] for name in axes), 12, generator=rng)
    results: list[torch.Tensor] = []
    for run in (some, whole):
        found = run(grid)
        found.square().sum().backward()
        results.append(found)
    assert relative(*results) < 1e-5
    for name, weight in some.named_parameters():
        if name.endswith(".k.bias"):  # softmax does not see it: its gradient is rounding
            continue
        assert relative(weight.grad, dict(whole.named_parameters())[name].grad) < 1e-4, name


def test_over_all_axes_is_no_division() -> None:
    """The file is the same but for the spec's own digest."""
    plain, over = (
        Architecture(load_text(SPEC.format(axes="T H W", knob=knob)), {}).emit()
        for knob in ("kv_heads: h", "over: [W, T, H]")
    )
    cut = plain.index("import torch")
    assert plain[cut:] == over[over.index("import torch") :]
