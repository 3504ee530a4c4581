"""The prover against brute force: what it proves holds, what it refutes fails, a mend mends."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.symbolic.trees import NAMES, Tree, size, trees
from tfspec.symbolic import (
    AtLeast,
    Batch,
    Claim,
    Dim,
    Divides,
    Domain,
    Equal,
    Facts,
    Fixed,
    Indivisible,
    Multiple,
    Proved,
    Range,
    Refuted,
    Unknown,
)
from tfspec.symbolic.intervals import interval, never_negative

QUICK = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)

ranges = st.builds(
    lambda first, more: Range(first, first + more), st.integers(1, 6), st.integers(0, 7)
)
bounded = st.builds(
    lambda of, count, more: Multiple(of, of * count + more % of),
    st.integers(1, 8), st.integers(1, 5), st.integers(0, 7),
)  # fmt: skip
domains = st.one_of(
    bounded,
    st.builds(Fixed, st.integers(1, 12)), ranges, st.builds(Multiple, st.integers(1, 8)),
    st.just(Batch()),
)  # fmt: skip


def over_names(values: st.SearchStrategy[Domain]) -> st.SearchStrategy[dict[str, Domain]]:
    return st.fixed_dictionaries(dict.fromkeys(NAMES, values))


def claims() -> st.SearchStrategy[tuple[type[Claim], Tree, Tree]]:
    kinds = st.sampled_from((Equal, Divides, AtLeast))
    return st.tuples(kinds, trees(leaves=4), trees(leaves=4))


def stated(parts: tuple[type[Claim], Tree, Tree]) -> Claim:
    """The claim; the example is dropped where one of its sides is never whole."""
    kind, left, right = parts
    try:
        return kind(size(left), size(right))
    except Indivisible:
        assume(False)
        raise AssertionError from None


def points(declared: dict[str, Domain], each: int = 9) -> Iterator[dict[str, int]]:
    """All values of ranges, and the first ones of what has no end."""
    axes: list[list[int]] = []
    for domain in declared.values():
        last = domain.low + domain.step * (each - 1) if domain.high is None else domain.high
        axes.append(list(range(domain.low, last + 1, domain.step)))
    return (dict(zip(declared, values, strict=True)) for values in product(*axes))


def read(declaration: str) -> tuple[str, Domain]:
    """A mend as the spec language would read it."""
    name, text = declaration.split(": ")
    if text.startswith("multiple("):
        of, _, most = text[len("multiple(") :].partition(")")
        return name, Multiple(int(of), int(most.removeprefix(" <= ")) if most else None)
    if ".." in text:
        first, last = text.split("..")
        return name, Range(int(first), int(last))
    return name, Fixed(int(text))


@settings(QUICK, max_examples=500)
@given(claims(), over_names(domains))
def test_answers_are_true(
    parts: tuple[type[Claim], Tree, Tree], declared: dict[str, Domain]
) -> None:
    claim = stated(parts)
    answer = Facts(declared).decide(claim)
    if isinstance(answer, Proved):
        assert not any(claim.fails(point) for point in points(declared))
    if isinstance(answer, Refuted):
        fixed = {name: domain.low for name, domain in declared.items()}
        assert all(declared[name].contains(value) for name, value in answer.counterexample.items())
        assert claim.fails({**fixed, **answer.counterexample})


@settings(QUICK, max_examples=100)
@given(claims(), over_names(domains))
def test_a_mend_mends(parts: tuple[type[Claim], Tree, Tree], declared: dict[str, Domain]) -> None:
    claim = stated(parts)
    answer = Facts(declared).decide(claim)
    assume(isinstance(answer, Refuted) and answer.mend)
    assert isinstance(answer, Refuted)
    name, domain = read(answer.mend or "")
    assert str(domain) == (answer.mend or "").split(": ")[1]
    mended = {**declared, name: domain}
    assert not any(claim.fails(point) for point in points(mended, each=6))
    assert isinstance(Facts(mended).decide(claim), Proved)


class WithoutCorners(Facts):
    """The prover that tries no value before it looks for a proof."""

    def _corners(self, claim: Claim) -> Iterator[dict[str, int]]:
        return iter(())


@QUICK
@given(claims(), over_names(domains))
def test_what_fails_at_a_corner_has_no_quick_proof(
    parts: tuple[type[Claim], Tree, Tree], declared: dict[str, Domain]
) -> None:
    claim = stated(parts)
    assert Facts(declared).proves(claim) == WithoutCorners(declared).proves(claim)


@QUICK
@given(claims(), over_names(ranges))
def test_few_values_are_always_decided(
    parts: tuple[type[Claim], Tree, Tree], declared: dict[str, Domain]
) -> None:
    claim = stated(parts)
    answer = Facts(declared).decide(claim)
    verdicts = [claim.fails(point) for point in points(declared)]
    if any(verdicts):
        assert isinstance(answer, Refuted)
    elif None not in verdicts:
        assert isinstance(answer, Proved)


@QUICK
@given(trees(leaves=5), trees(leaves=4), ranges)
def test_the_counterexample_of_one_dim_is_the_smallest(
    left: Tree, right: Tree, domain: Domain
) -> None:
    claim = stated((AtLeast, left, right))
    declared: dict[str, Domain] = {"a": domain, "b": Fixed(3), "c": Fixed(4)}
    answer = Facts(declared).decide(claim)
    if isinstance(answer, Refuted) and "a" in answer.counterexample:
        failing = [point["a"] for point in points(declared) if claim.fails(point)]
        assert answer.counterexample["a"] == min(failing)


@QUICK
@given(trees(leaves=5), over_names(domains))
def test_extremes_are_never_passed(tree: Tree, declared: dict[str, Domain]) -> None:
    found = stated((Equal, tree, 0)).left
    facts = Facts(declared)
    low, high = facts.minimum(found), facts.maximum(found)
    values = list(defined(found, declared))
    assert low is None or all(low <= value for value in values)
    assert high is None or all(value <= high for value in values)
    finite = all(domain.high is not None for domain in declared.values())
    if finite and "%" not in str(found) and values and len(values) == count(declared):
        assert (low, high) == (min(values), max(values))


def defined(found: Dim, declared: dict[str, Domain]) -> Iterator[int]:
    for point in points(declared):
        try:
            yield found.value(point)
        except Indivisible:
            continue


def count(declared: dict[str, Domain]) -> int:
    return sum(1 for _ in points(declared))


@QUICK
@given(trees(leaves=6), over_names(ranges))
def test_intervals_hold_every_value(tree: Tree, declared: dict[str, Domain]) -> None:
    found = stated((Equal, tree, 0)).left
    box = {name: (domain.low, domain.high or 0) for name, domain in declared.items()}
    low, high = interval(found, box)
    values = list(defined(found, declared))
    assert all(low <= value <= high for value in values)
    if never_negative(found, box):
        assert all(value >= 0 for value in values)


def test_unknown_is_rare_among_small_claims() -> None:
    """The ladder is worth little if it mostly gives up."""
    seen: list[bool] = []

    @settings(QUICK, database=None)
    @given(claims(), over_names(domains))
    def count_unknown(parts: tuple[type[Claim], Tree, Tree], declared: dict[str, Domain]) -> None:
        seen.append(isinstance(Facts(declared).decide(stated(parts)), Unknown))

    count_unknown()
    assert sum(seen) < 0.1 * len(seen)
