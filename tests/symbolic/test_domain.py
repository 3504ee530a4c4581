"""What a declared dim may be."""

from __future__ import annotations

from random import Random

import pytest

from tfspec.symbolic import Batch, Domain, Facts, Fixed, Multiple, Range, sym

CASES: list[tuple[Domain, str, list[int], list[int]]] = [
    (Fixed(768), "768", [768], [0, 767, 769]),
    (Range(1, 512), "1..512", [1, 2, 511, 512], [0, 513, -1]),
    (Multiple(32), "multiple(32)", [32, 64, 3200], [0, 1, 33, -32]),
    (Multiple(32, 100), "multiple(32) <= 100", [32, 64, 96], [0, 33, 100, 128]),
    (Batch(), "batch", [1, 2, 10**9], [0, -1]),
]


@pytest.mark.parametrize(("domain", "text", "inside", "outside"), CASES)
def test_domain(domain: Domain, text: str, inside: list[int], outside: list[int]) -> None:
    assert str(domain) == text
    assert all(domain.contains(value) for value in inside)
    assert not any(domain.contains(value) for value in outside)


@pytest.mark.parametrize("domain", [case[0] for case in CASES])
@pytest.mark.parametrize("n", [1, 2, 7, 600])
def test_samples_are_different_allowed_values(domain: Domain, n: int) -> None:
    values = domain.samples(n, Random(0))
    assert values == sorted(set(values))
    assert 1 <= len(values) <= n
    assert all(map(domain.contains, values))
    assert values[0] == domain.low
    assert values == domain.samples(n, Random(0))


def test_samples_reach_the_end_of_a_range() -> None:
    assert Range(1, 512).samples(4, Random(0))[-1] == 512
    assert Range(3, 5).samples(9, Random(0)) == [3, 4, 5]


def test_empty_domains_are_bugs_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^no integer is in 2\.\.1$"):
        Range(2, 1)
    with pytest.raises(ValueError, match=r"^no positive integer is a multiple\(0\)$"):
        Multiple(0)


@pytest.mark.parametrize("domain", [Range(3, 3), Multiple(3, 3), Multiple(3, 5)])
def test_a_domain_of_one_value_is_that_value(domain: Domain) -> None:
    facts = Facts({"T": domain})
    assert facts.domains == {"T": Fixed(3)}
    assert facts.value(2 * sym("T") + 1) == 7
    assert facts.show(sym("T")) == "3 (= T)"
