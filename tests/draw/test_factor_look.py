"""A factor of a spec in the few characters that a chip has."""

from __future__ import annotations

import pytest

from tfspec.graph.factor_look import factor
from tfspec.graph.look import plain
from tfspec.spec.expression import parse_rate

FACTORS = {
    "d ** 0.5": "× √d",
    "d ** -0.5": "÷ √d",
    "(2 * L) ** -0.5": "÷ √(2·L)",
    "1 / 2": "÷ 2",
    "1 / (2 * d)": "÷ (2·d)",
    "1 / d ** 2": "÷ d²",
    "3 / 4": "× 3/4",
    "0.125": "× 0.125",
    "0.5 - 2": "× (0.5 − 2)",
    "a * (b + 1)": "× a·(b + 1)",
    "a / (b * c)": "× a/(b·c)",
    "-(a - b)": "× (−(a − b))",
    "d ** 0.25": "× d^0.25",
    "2 ** -(a / b)": "× 2^(−a/b)",
    "width ** 0.5": "× √width",
    "(d + 1) ** -1": "÷ (d + 1)",
    "(a * b) ** -1": "÷ (a·b)",
    "d ** -1": "÷ d",
    "(-2) ** 2": "× (−2)²",
}


@pytest.mark.parametrize("text", FACTORS)
def test_factors(text: str) -> None:
    assert plain(factor(parse_rate(text).tree)) == FACTORS[text]
