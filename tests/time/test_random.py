"""Random specs have a time in every precision, or are refused in words."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz.specs import make, written
from tfspec.api import Architecture, SpecError
from tfspec.spec.load import load_text


def timed(seeds: range, dtype: str) -> int:
    """How many of them have a time; whatever is not a refusal is raised."""
    found = 0
    for seed in seeds:
        architecture = Architecture(load_text(written(make(Random(seed)))))
        try:
            found += architecture.cost("train", dtype=dtype, target="h200").time is not None
        except SpecError:
            continue
    return found


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "mixed"])
def test_random_specs_have_a_time(dtype: str) -> None:
    assert timed(range(20), dtype) > 10


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "mixed"])
def test_many_random_specs_have_a_time(dtype: str) -> None:
    assert timed(range(20, 320), dtype) > 150
