"""Grouped heads beside a mask, as a file for a GPU computes them: equal to what a CPU's file does."""

from __future__ import annotations

import pytest
import torch

from tests.parity.compare import OUTPUTS
from tests.parity.running import place, randomise, relative, run_file
from tests.test_modes import assert_equal_at_every_position, stepped
from tfspec import api

SIZES = {"d": 36, "h": 6, "g": 2, "f": 20, "L": 2, "V": 50, "T": "1..24"}
SPECS = {"llama-3-8b": {}, "mistral-7b": {"w": 5}}
MISTAKES = {
    "queries of a group side by side": ("mask.repeat(", "mask.repeat_interleave("),
    "rows of other heads": ("x.unflatten(2, (-1, q.shape[2]))", "x.unflatten(2, (q.shape[2], -1))"),
    "the mask forgotten": ("rows, k, v, mask, scale", "rows, k, v, None, scale"),
}


def source(name: str) -> str:
    sets = {**SIZES, **SPECS[name]}
    return api.emit(name, sets, target="h200", parts=("generate",))


def stepped_and_whole(text: str) -> None:
    model = place_random(run_file(text).build())
    tokens = torch.randint(50, (2, 24), generator=torch.Generator().manual_seed(3))
    whole = model(tokens)
    for cuts in (range(9, 25), [8, 14, 15, 24]):
        assert_equal_at_every_position(
            stepped(model, model.cache(2, 24), tokens, cuts), whole, cuts[0]
        )


def place_random(model: torch.nn.Module) -> torch.nn.Module:
    randomise(dict(model.named_parameters()), seed=4)
    return model.eval()


@pytest.mark.parametrize("name", SPECS)
@torch.no_grad()
def test_it_decodes_as_it_runs(name: str) -> None:
    assert "x = grouped_attention(q, k, v, mask)" in source(name)
    stepped_and_whole(source(name))


@pytest.mark.parametrize("name", SPECS)
@torch.no_grad()
def test_it_computes_what_a_cpus_file_does(name: str) -> None:
    model = place_random(run_file(source(name)).build())
    plain = run_file(api.emit(name, {**SIZES, **SPECS[name]}, parts=("generate",))).build().eval()
    place(plain, dict(model.named_parameters()))
    tokens = torch.randint(50, (2, 24), generator=torch.Generator().manual_seed(5))
    caches = [each.cache(2, 24) for each in (model, plain)]
    for call, given in (
        ("prefill", (tokens[:, :13],)),
        ("decode", (tokens[:, 13:17], torch.arange(13, 17))),
    ):
        ours, theirs = (
            getattr(each, call)(*given, cache)
            for each, cache in zip((model, plain), caches, strict=True)
        )
        assert relative(ours, theirs) <= OUTPUTS


@pytest.mark.parametrize("mistake", MISTAKES)
@torch.no_grad()
def test_a_mistake_is_seen(mistake: str) -> None:
    old, new = MISTAKES[mistake]
    text = source("llama-3-8b")
    assert old in text
    with pytest.raises((AssertionError, RuntimeError)):
        stepped_and_whole(text.replace(old, new))


def test_heads_that_are_not_grouped_need_it_not() -> None:
    text = api.emit("llama-3-8b", {**SIZES, "g": 6}, target="h200", parts=("generate",))
    assert "grouped_attention" not in text
    assert "grouped_attention" not in api.emit("llama-3-8b", SIZES, target="h200")
