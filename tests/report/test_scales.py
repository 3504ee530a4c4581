"""Scales of charts: where numbers stand, and which are marked."""

from __future__ import annotations

import pytest

from tfspec.passes.report.scales import Linear, Log, short


def test_a_log_scale_puts_equal_factors_at_equal_distances() -> None:
    scale = Log(10, 1000, 0, 100)
    assert [scale.at(each) for each in (10, 100, 1000)] == [0, 50, 100]
    assert [(tick.at, tick.text) for tick in scale.decades()] == [
        (0, "10"), (50, "100"), (100, "1,000")
    ]  # fmt: skip


def test_decades_are_told_apart_however_many_there_are() -> None:
    assert [tick.text for tick in Log(3e5, 2e7, 0, 1).decades()] == [
        "500 k", "1 M", "2 M", "5 M", "10 M", "20 M"
    ]  # fmt: skip
    assert len(Log(1, 1e40, 0, 1).decades()) <= 8
    assert [tick.text for tick in Log(64, 200_000, 0, 1).doubled()] == [
        "64", "256", "1,024", "4,096", "16,384", "65,536"
    ]  # fmt: skip


@pytest.mark.parametrize("high", [1, 3, 96_180, 4.5e9, 9.99e12, 2e27])
def test_a_linear_scale_has_a_few_round_numbers(high: float) -> None:
    ticks = Linear(high, 100, 0).ticks("B")
    assert 3 <= len(ticks) <= 6
    assert ticks[0].at == 100
    assert all(0 <= tick.at <= 100 for tick in ticks)


def test_numbers_are_short() -> None:
    said = [short(each) for each in (0.25, 7, 9999, 25_000, 1e15)]
    assert said == ["0.25", "7", "9,999", "25 k", "1 P"]
    assert short(4.8e12, "B/s") == "4.8 TB/s"
