"""The three plain forms of cross-modal attention in examples/cross: what each says, it does."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

import tfspec
from tests.draw.picture import picture, wrong
from tfspec.api import Architecture
from tfspec.runtime.verify import verify

FOLDER = Path(__file__).parents[1] / "examples" / "cross"
T, R, D, FEATURES = 16, 9, 32, 48
ONE_WAY = 4 * T * D**2 + 4 * R * D**2 + 4 * T * R * D  # maps of both, then scores and mix
FLOPS = {
    "text-queries-image": 2 * R * FEATURES * D + ONE_WAY,
    "image-queries-text": 2 * R * FEATURES * D + ONE_WAY,
    "both-at-once": 2 * R * FEATURES * D + 2 * ONE_WAY,
}


@cache
def example(name: str) -> Architecture:
    return tfspec.load(str(FOLDER / f"{name}.yaml"))


def test_there_are_no_others() -> None:
    assert sorted(FLOPS) == sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", FLOPS)
def test_it_is_checked_costed_drawn_and_built(name: str) -> None:
    spec = example(name)
    assert [d.code for d in spec.check().diagnostics] == []
    cost = spec.cost()
    assert cost.number(cost.flops) == FLOPS[name]
    assert wrong(picture(spec.draw().svg())) == []
    found = verify(spec)
    assert found.ok, found.text()


def heard(name: str, changed: str) -> list[list[int]]:
    """For each output, the tokens that change with the first word, or the first patch."""
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = tfspec.build(example(name)).eval()
    given = {
        "tokens": torch.randint(50, (1, 5), generator=rng),
        "patches": torch.randn(1, R, FEATURES, generator=rng),
    }
    if "valid" in (each.role for each in example(name).semantics.inputs):
        given["valid"] = torch.arange(5)[None] < 4
    other = dict(given)
    word = {"a word": 0, "padding": 4}.get(changed)
    if word is not None:
        other["tokens"] = given["tokens"].index_fill(1, torch.tensor([word]), 99)
    else:
        other["patches"] = given["patches"].index_fill(1, torch.tensor([0]), 1.0)
    with torch.no_grad():
        before, after = (_outputs(model(**each)) for each in (given, other))
    pairs = zip(before, after, strict=True)
    return [(a != b).any(-1)[0].nonzero().flatten().tolist() for a, b in pairs]


def _outputs(found: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)


WORDS, PATCHES = list(range(5)), list(range(R))


@pytest.mark.parametrize(
    ("name", "changed", "where"),
    [
        ("text-queries-image", "a patch", [WORDS]),
        ("text-queries-image", "a word", [[0]]),
        ("image-queries-text", "a word", [PATCHES]),
        ("image-queries-text", "padding", [[]]),
        ("image-queries-text", "a patch", [[0]]),
        ("both-at-once", "a word", [[0], PATCHES]),
        ("both-at-once", "padding", [[4], []]),
        ("both-at-once", "a patch", [WORDS, [0]]),
    ],
)
def test_who_hears_of_a_change(name: str, changed: str, where: list[list[int]]) -> None:
    assert heard(name, changed) == where
