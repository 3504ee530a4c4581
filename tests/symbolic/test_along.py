"""Sizes at many values of a few symbols."""

from __future__ import annotations

import pytest

from tfspec.symbolic import Along, Dim, Indivisible, sym

T, d, p = map(sym, ("T", "d", "p"))


def test_a_symbol_that_is_not_free_stays_as_it_was() -> None:
    along = Along([T * d + d, d * d, T], {"T": 1, "d": 3}, ["T"])
    assert along.at({"T": 5, "d": 3}) == [18, 9, 5]
    assert along.at({"T": 7, "d": 100}) == [24, 9, 7]


def test_it_raises_as_a_value_does() -> None:
    half = Along([T.exact_div(p)], {"T": 4, "p": 2}, ["T"])
    assert half.at({"T": 6, "p": 2}) == [3]
    with pytest.raises(Indivisible):
        half.at({"T": 5, "p": 2})
    with pytest.raises(Indivisible):
        Along([d.exact_div(p) * T], {"T": 4, "d": 3, "p": 2}, ["T"])


def test_no_size_and_a_constant() -> None:
    assert Along([], {}, []).at({}) == []
    assert Along([Dim.of(7), Dim.of(0)], {}, ["T"]).at({"T": 3}) == [7, 0]
