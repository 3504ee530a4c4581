"""`merge` and `split` against their definition, in one, two and three axes, emitted and run."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from tests.parity.running import model_of
from tfspec import api
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: toy
dims: {{B: batch, T: {T}, H: {H}, W: {W}, d: {d}}}
inputs: {{grid: float B {axes} (d)}}
streams: {{grids: [grid, {steps}]}}
outputs: {{y: grids}}
"""


def made(axes: str, steps: str, d: int = 3, **sizes: str) -> torch.nn.Module:
    sizes = {"T": "4", "H": "6", "W": "10", **sizes}
    text = SPEC.format(axes=axes, steps=steps, d=d, **sizes)
    return model_of(api.Architecture(load_text(text)).emit())


def merged(x: Tensor, axes: str, sizes: dict[str, int]) -> Tensor:
    """By the definition, token by token: the first key is slowest among the features."""
    names = axes.split()
    extents = dict(zip(names, x.shape[1:-1], strict=True))
    coarse = [range(extents[name] // sizes.get(name, 1)) for name in names]
    rows: list[Tensor] = []
    for place in itertools.product(*coarse):
        found: list[Tensor] = []
        for inner in itertools.product(*(range(size) for size in sizes.values())):
            step = dict(zip(sizes, inner, strict=True))
            at = [p * sizes.get(n, 1) + step.get(n, 0) for n, p in zip(names, place, strict=True)]
            found.append(x[:, *at])
        rows.append(torch.cat(found, dim=-1))
    return torch.stack(rows, dim=1)


CASES = [
    ("H", {"H": 2}),
    ("H W", {"H": 2, "W": 2}),
    ("H W", {"W": 2, "H": 3}),
    ("H W", {"W": 5}),
    ("T H W", {"W": 5, "T": 2, "H": 3}),
    ("T H W", {"W": 2, "H": 2}),
]


@pytest.mark.parametrize(("axes", "sizes"), CASES, ids=str)
@pytest.mark.parametrize("ranged", [False, True])
def test_merge_by_its_definition_and_split_undoes_it(
    axes: str, sizes: dict[str, int], ranged: bool
) -> None:
    knobs = str(sizes).replace("'", "")
    declared = {name: f"multiple({sizes.get(name, 1)})" for name in axes.split()} if ranged else {}
    extents = {"T": 4, "H": 6, "W": 10}
    x = torch.randn(2, *(extents[name] for name in axes.split()), 3)
    y = made(axes, f"merge: {knobs}", **declared)(x)
    assert torch.equal(y, merged(x, axes, sizes))
    back = made(axes, f"{{merge: {knobs}}}, {{split: {knobs}}}", **declared)(x)
    assert torch.equal(back, x.flatten(1, -2))


def test_split_then_merge_is_nothing() -> None:
    x = torch.randn(2, 6, 10, 12)
    y = made("H W", "{split: {W: 2, H: 3}}, {merge: {W: 2, H: 3}}", d=12)(x)
    assert torch.equal(y, x.flatten(1, 2))


def test_the_order_of_the_keys_is_the_order_of_the_features() -> None:
    x = torch.randn(2, 6, 10, 3)
    one, other = (made("H W", f"merge: {sizes}")(x) for sizes in ("{H: 2, W: 2}", "{W: 2, H: 2}"))
    assert not torch.equal(one, other)
