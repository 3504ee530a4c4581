"""Every kind of mask against a direct computation from the language's definition."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn

from tests.masks.spaces import SIZES, SPACES, Space, given, inputs
from tests.masks.tokens import allowed
from tests.parity.running import place, randomise, run_file
from tfspec import api
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")
MASKS = {
    "text": [
        "causal", "within(3)", "within(P + 1)", "causal and within(2)", "causal or key.pos < P",
        "key.valid", "query.valid", "not key.valid", "causal and key.valid",
        "key.valid and query.valid", "key.segments == query.segments",
        "causal and key.segments == query.segments", "key.segments != 0 or causal",
        "key.pos // P == query.pos // P", "key.T % 2 == query.T % 2", "key.T <= query.T",
        "key.T < query.T", "query.pos < key.pos", "key.pos == 0", "query.T == 3", "key.T - T < -2",
        "2 * query.T - key.T >= T - 3", "1 <= key.T <= 3", "not (causal or within(2))",
        "abs(key.T - query.T) == P", "not key.segments == query.segments and causal",
        "key.T < 0 or causal", "key.lit", "key.other or causal", "causal and not key.text or causal",
        "key.segments + query.segments < 4", "-key.T < -2",
    ],
    "grid": [
        "key.H == query.H", "key.W == query.W", "causal and key.W == query.W",
        "abs(key.H - query.H) <= 1 and abs(key.W - query.W) <= 1", "key.lit", "key.rows",
        "query.rows and key.lit", "key.kinds == query.kinds", "key.H + key.W < query.H + query.W + 1",
        "key.pos < P or key.W == query.W", "key.H * W + key.W <= query.pos", "within(W)",
        "key.W != query.W", "not key.W == query.H", "key.W > 1 and query.H < 1",
    ],
    "film": [
        "key.T <= query.T", "key.T == query.T", "key.H == query.H and key.W == query.W",
        "key.T <= query.T and abs(key.W - query.W) < 2", "key.valid", "key.lit and query.valid",
        "key.segments == query.segments", "key.kinds < query.kinds", "causal and key.H >= query.H",
        "key.rows or key.T < 2", "key.looked",
    ],
    "both": [
        "causal and (key.text or key.W == query.W)", "causal and (key.text or within(W + 1))",
        "causal and (key.text or abs(key.H - query.H) <= 5 and abs(key.W - query.W) <= 1)",
        "key.text", "query.grid", "key.grid or key.T <= query.T", "not key.W == query.W",
        "not key.text and query.text", "key.valid", "not key.valid", "key.lit and key.valid",
        "key.segments == query.segments", "key.kinds == query.segments", "key.T == query.W",
        "not key.segments == query.segments", "causal and key.kinds != query.kinds",
        "key.text or key.W == query.W and not key.H == query.H", "key.rows and not query.valid",
        "(key.text or query.W < 2) and (key.W < 2 or query.T > 1)", "key.pos < T", "key.pos < T + P",
        "key.W <= query.W or key.T <= query.T", "not (key.W < 2 or key.T < 2)",
        "key.text and query.text and causal or key.grid and query.grid and key.H == query.H",
    ],
    "three": [
        "key.text", "not query.text", "key.other or key.grid and key.T == 0 or causal",
        "key.S == query.T", "not key.S == query.T", "key.ready and key.valid and key.lit",
        "key.S <= query.S or key.W <= query.W", "key.grid or query.other",
    ],
    "twice": [
        "key.T == query.T", "key.T <= query.T and (key.text or key.H == query.H)", "key.valid",
        "key.segments == query.segments", "not key.T < query.T", "key.film and query.valid",
    ],
    "cls": ["key.cls or key.valid", "key.cls", "key.T <= query.T", "not query.cls", "causal",
            "query.cls or not key.T == query.T", "key.pos != 0", "key.valid and query.valid"],
    "cross": [
        "key.ready", "seen", "key.ready and seen", "not seen", "key.S <= query.T", "query.valid",
        "ready", "valid", "key.pos <= query.pos", "key.S * T <= query.T * S",
        "seen or key.S == 0", "query.segments == key.S",
    ],
    "across": ["looked", "looked and key.rows", "rows", "key.W == query.segments",
               "key.kinds == query.segments and looked", "key.H == 0", "query.T >= key.pos"],
    "whole": ["key.grid", "key.lit", "seen", "looked and seen", "key.W == query.T", "key.ready or rows"],
}  # fmt: skip
CASES = [(space, mask) for space, masks in MASKS.items() for mask in masks]


def models(text: str) -> dict[str, nn.Module]:
    """The model in both styles, with equal random weights."""
    spec = api.Architecture(load_text(text))
    assert spec.check().ok, [each.message for each in spec.check().diagnostics]
    built = {style: run_file(spec.emit(style=style)).build().double() for style in STYLES}
    learned = dict(built["explicit"].named_parameters())
    randomise(learned, seed=3)
    place(built["fast"], learned)
    return built


def attended(model: nn.Module, x: Tensor, source: Tensor, seen: Tensor) -> Tensor:
    """softmax over the allowed keys from its formula; a query without a key gives 0."""
    learned = {tuple(name.split(".")[-2:]): p for name, p in model.named_parameters()}

    def heads(role: str, value: Tensor) -> Tensor:
        made = value @ learned[role, "weight"].T + learned[role, "bias"]
        return made.unflatten(-1, (2, 3)).transpose(1, 2)

    q, k, v = heads("q", x), heads("k", source), heads("v", source)
    powers = (q @ k.transpose(2, 3) * 3**-0.5).exp() * seen[:, None]
    total = powers.sum(-1, keepdim=True)
    y = (powers / total.where(total > 0, 1) @ v).transpose(1, 2).flatten(2)
    return y @ learned["out", "weight"].T + learned["out", "bias"]


def vectors(parts: Iterable[str], values: dict[str, Tensor], model: nn.Module) -> Tensor:
    """The tokens of some parts, in order; the cls token is a weight."""
    learned = {name: p for name, p in model.named_parameters() if "cls" in name}
    cls = [p.expand(2, 1, 6) for p in learned.values()]
    made = [cls[0] if part == "cls" else values[f"{part}_in"] for part in parts]
    return torch.cat([each.reshape(2, -1, 6) for each in made], 1)


def gradients(y: Tensor, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of a sum of squares, by input."""
    read = {name: x for name, x in values.items() if x.requires_grad}
    found = torch.autograd.grad(y.square().sum(), list(read.values()), allow_unused=True)
    made = zip(read, found, strict=True)
    return {name: each for name, each in made if each is not None}


def assert_is_the_mask(space: Space, mask: str) -> None:
    values = inputs(len(mask))
    seen = allowed(mask, SIZES, given(values), space.queries, space.keys)
    built = models(space.spec(mask))
    model = built["explicit"]
    x, source = (vectors(parts, values, model) for parts in (space.query, space.source))
    wanted = attended(model, x, source, seen)
    expected = gradients(wanted, values)
    maps: list[Tensor] = []
    for style, more in (("fast", {}), ("explicit", {"maps": maps})):
        y = built[style](**values, **more)
        torch.testing.assert_close(y, wanted, rtol=1e-9, atol=1e-9)
        found = gradients(y, values)
        assert found.keys() == expected.keys()
        for name, each in found.items():
            torch.testing.assert_close(each, expected[name], rtol=1e-8, atol=1e-8)
    (weights,) = maps
    assert torch.equal(weights > 0, seen[:, None].expand_as(weights))


@pytest.mark.parametrize(("space", "mask"), CASES)
def test_mask(space: str, mask: str) -> None:
    assert_is_the_mask(SPACES[space], mask)
