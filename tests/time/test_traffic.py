"""Bytes moved: equal to a count by hand, kernel by kernel."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.time import counted
from tests.time.counted import model, moved


@pytest.mark.parametrize(
    ("name", "mode", "compiled", "by_hand"),
    [
        ("mlp", "forward", True, counted.MLP_FORWARD),
        ("mlp", "train", True, [*counted.MLP_FORWARD, *counted.MLP_BACKWARD]),
        ("attention", "forward", True, counted.ATTENTION_FORWARD),
        ("layers", "forward", False, counted.LAYERS_EAGER),
        ("layers", "forward", True, counted.LAYERS_COMPILED),
        ("gated", "forward", True, counted.GATED_COMPILED),
    ],
)
def test_bytes_by_hand(
    name: str, mode: str, compiled: bool, by_hand: list[tuple[str, str, int]]
) -> None:
    assert moved(name, mode, compiled=compiled) == by_hand


def test_the_backward_of_attention_by_hand() -> None:
    assert moved("attention", "train")[5:7] == counted.ATTENTION_BACKWARD


def test_the_numbers_themselves() -> None:
    """Written out once, so that a mistake in how they are made up above is seen too."""
    assert [size for *_, size in moved("mlp")] == [432, 2112, 1536, 2016]
    assert [size for *_, size in moved("attention")] == [432, 1632, 768, 672]


def test_formulas() -> None:
    timing = model("mlp").cost(target="h200").timing
    assert timing is not None
    assert str(timing.traffic) == "16·B·T·d + 16·B·T·f + 8·B·T + 8·d·f + 4·d + 4·f"


def test_half_precision_halves_what_is_in_it() -> None:
    single, half = (
        model("attention").cost(dtype=dtype, target="h200").timing for dtype in ("fp32", "bf16")
    )
    assert single is not None
    assert half is not None
    assert 2 * half.traffic - single.traffic == 8 * model("attention").semantics.inputs[0].elements


def test_depth_costs_nothing_and_counts() -> None:
    """A stack of any depth is read off three layers; each layer beyond moves the same."""
    from tfspec.api import Architecture
    from tfspec.spec.load import load_text

    def total(depth: int) -> tuple[int, int]:
        text = f"{counted.HEAD}{counted.MODELS['layers']}\noutputs: {{y: text}}\n"
        text = text.replace("depth: 4", f"depth: {depth}")
        cost = Architecture(load_text(text), {"B": 2, "T": 3}).cost("train", target="h200")
        assert cost.timing is not None
        return cost.number(cost.timing.traffic), len(cost.timing.jobs)

    sizes = [total(depth)[0] for depth in (1, 2, 3, 4, 5, 100)]
    steps = [b - a for a, b in pairwise(sizes[1:5])]
    assert len(set(steps)) == 1
    assert sizes[5] == sizes[4] + 95 * steps[0]
    assert total(100)[1] == total(4)[1]
