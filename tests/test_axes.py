"""Values over several axes: zipped, taken at a place on one axis, and summed along a missing one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.parity.running import model_of
from tfspec.api import Architecture
from tfspec.spec.load import load_text

SPEC = """\
tfspec: 1
name: axes
dims: {B: batch, T: 1..9, H: 2..5, W: 3, d: 4}
inputs: {a: float B T (d), b: float B T (d), g: float B (d) H W, one: float B (d)}
streams:
  s: STREAM
outputs: {y: s}
"""
Case = tuple[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]]
PAIR = "{zip: {slot: {left: a, right: b}}}"
CASES: dict[str, Case] = {
    "zip": (f"[{PAIR}]", lambda a, b, g, one: torch.stack((a, b), 2).flatten(1, 2)),
    "zip of single tokens": (
        "[{zip: {slot: {left: one, right: [one, relu]}}}]",
        lambda a, b, g, one: torch.stack((one, one.relu()), 1),
    ),
    "zip of grids": (
        "[{zip: {slot: {left: g, right: [g, relu]}}}, {take: {slot: right}}]",
        lambda a, b, g, one: g.relu().flatten(2).mT,
    ),
    "zip of parts": (
        "[{zip: {slot: {left: {concat: [a, g]}, right: {concat: [b, g]}}}}]",
        lambda a, b, g, one: torch.stack(
            [torch.cat((x, g.flatten(2).mT), 1) for x in (a, b)], 2
        ).flatten(1, 2),
    ),
    "a label": (f"[{PAIR}, {{take: {{slot: right}}}}]", lambda a, b, g, one: b),
    "a step of a zip": (
        f"[{PAIR}, {{take: {{T: -1}}}}]",
        lambda a, b, g, one: torch.stack((a[:, -1], b[:, -1]), 1),
    ),
    "a row": ("[g, {take: {H: 1}}]", lambda a, b, g, one: g[:, :, 1].mT),
    "a column": ("[g, {take: {W: -1}}]", lambda a, b, g, one: g[..., 2].mT),
    "a corner": ("[g, {take: {W: 0, H: -1}}]", lambda a, b, g, one: g[:, :, -1, 0]),
    "an axis of which one place is left": (
        "[g, {merge: {W: 3}}, {take: {W: 0}}]",
        lambda a, b, g, one: g.permute(0, 2, 3, 1).flatten(2),
    ),
    "the first of a part behind another": (
        "[{concat: [a, g]}, {take: {H: 0}}]",
        lambda a, b, g, one: g[:, :, 0].mT,
    ),
    "the last of the first of two parts": (
        "[{concat: {early: a, then: one}}, {take: {T: -1}}]",
        lambda a, b, g, one: a[:, -1],
    ),
    "of both parts that have the axis": (
        "[{concat: {early: a, then: b, end: one}}, {take: {T: 0}}]",
        lambda a, b, g, one: torch.stack((a[:, 0], b[:, 0]), 1),
    ),
    "a sum along the last axis": (
        f"[{{sum: [{PAIR}, a]}}]",
        lambda a, b, g, one: torch.stack((a + a, b + a), 2).flatten(1, 2),
    ),
    "a sum with what lacks axes first": (
        f"[{{sum: [b, {PAIR}]}}]",
        lambda a, b, g, one: torch.stack((a + b, b + b), 2).flatten(1, 2),
    ),
    "a sum along rows": (
        "[{sum: [g, [g, {take: {H: 0}}]]}]",
        lambda a, b, g, one: (g + g[:, :, :1]).flatten(2).mT,
    ),
    "a sum along columns": (
        "[{sum: [g, [g, {take: {W: 0}}]]}]",
        lambda a, b, g, one: (g + g[..., :1]).flatten(2).mT,
    ),
    "one token to all": ("[{sum: [a, one]}]", lambda a, b, g, one: a + one[:, None]),
    "one token to a grid": (
        "[{sum: [one, g]}]",
        lambda a, b, g, one: (g + one[..., None, None]).flatten(2).mT,
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("style", ["fast", "explicit"])
def test_what_torch_computes(case: str, style: str) -> None:
    stream, wanted = CASES[case]
    spec = Architecture(load_text(SPEC.replace("STREAM", stream)))
    assert [each.message for each in spec.check().diagnostics if each.severity == "error"] == []
    model = model_of(spec.emit(style=style))
    rng = torch.Generator().manual_seed(2)
    shapes = {"a": (2, 7, 4), "b": (2, 7, 4), "g": (2, 4, 5, 3), "one": (2, 4)}
    given = {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}
    assert torch.equal(model(**given), wanted(*given.values()))


def test_the_only_place_of_an_axis_is_taken_by_no_step() -> None:
    stream = "[g, {merge: {W: 3}}, {take: {W: 0}}]"
    found = Architecture(load_text(SPEC.replace("STREAM", stream))).emit()
    assert "        return x.unflatten(1, (-1, 1, 3)).flatten(3).flatten(1, 2)  #" in found
