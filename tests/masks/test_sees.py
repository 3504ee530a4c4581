"""The tests of masks can see: random predicates agree, and a mistake in any step is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.masks.spaces import SPACES
from tests.masks.test_masks import assert_is_the_mask
from tfspec import api
from tfspec.graph import mask_guards, mask_pairs, places
from tfspec.graph import mask_tree as mt
from tfspec.program import coordinates, predicate_inputs, predicates
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim

SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much)
NAMES: dict[str, tuple[list[str], list[str]]] = {
    "both": (
        ["key.T", "query.T", "key.W", "query.W", "key.H", "query.H", "key.pos", "query.pos",
         "key.segments", "query.segments", "key.kinds", "query.kinds", "P", "1", "3"],
        ["causal", "within(3)", "key.text", "query.grid", "key.valid", "query.valid", "key.lit"],
    ),
    "whole": (
        ["query.T", "key.W", "key.H", "key.S", "key.pos", "query.segments", "key.kinds", "2", "S"],
        ["key.grid", "key.other", "key.lit", "key.ready", "seen", "looked", "query.valid"],
    ),
}  # fmt: skip


def predicates_of(space: str) -> st.SearchStrategy[str]:
    numbers, flags = NAMES[space]
    sums = st.tuples(st.sampled_from(numbers), st.sampled_from("+-*"), st.sampled_from(numbers))
    parts = st.tuples(st.sampled_from(numbers), st.sampled_from(["//", "%"]), st.just("2"))
    number = st.sampled_from(numbers) | (sums | parts).map(lambda each: f"({' '.join(each)})")
    number |= number.map(lambda each: f"abs({each})")
    signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    leaf = st.tuples(number, signs, number).map(" ".join) | st.sampled_from(flags)
    return st.recursive(
        leaf,
        lambda inner: (
            inner.map(lambda each: f"not ({each})")
            | st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda e: f"({' '.join(e)})"
            )
        ),
        max_leaves=6,
    )


@pytest.mark.parametrize("space", NAMES)
def test_random_predicates(space: str) -> None:
    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW)
    @given(predicates_of(space))
    def agrees(mask: str) -> None:
        found = api.Architecture(load_text(SPACES[space].spec(mask))).check().diagnostics
        refused = [each.code for each in found if each.severity == "error"]
        assert set(refused) <= {"TS254", "TS901"}, mask  # it hides all, or compares sizes alone
        assume(not refused)
        assert_is_the_mask(SPACES[space], mask)

    agrees()


Patch = pytest.MonkeyPatch


def no_guards(patch: Patch) -> None:
    patch.setattr(mask_guards, "GUARDS", ((),))
    patch.setattr(mask_guards, "_harmless", lambda *args: True)


def missing_is_true(patch: Patch) -> None:
    plain = mask_pairs.Pairs.at

    def at(self: mask_pairs.Pairs, tree: mt.Condition, pair: mask_pairs.Pair) -> mt.Answer:
        missing = isinstance(tree, mt.Compare) and not mask_pairs.has(tree, pair)
        return True if missing else plain(self, tree, pair)

    patch.setattr(mask_pairs.Pairs, "at", at)
    patch.setattr(mask_guards, "_asked", lambda pairs, leaf, guards: leaf)


def columns_for_rows(patch: Patch) -> None:
    whole = coordinates.in_place
    patch.setattr(coordinates, "in_place", lambda low, index, place, size: whole(
        low, index, replace(place, step=place.extent), size))  # fmt: skip


def parts_from_zero(patch: Patch) -> None:
    patch.setattr(places, "start", lambda space, part: Dim.of(0))


def flags_of_the_other_side(patch: Patch) -> None:
    laid = predicate_inputs.laid

    def turned(low: Any, given: Any, value: Any, **options: Any) -> Any:
        made = laid(low, given, value, **options)
        return made.transpose(len(made.shape) - 2, len(made.shape) - 1)

    patch.setattr(predicates, "laid", turned)


MISTAKES: dict[Callable[[Patch], None], tuple[str, str]] = {
    no_guards: ("both", "not key.segments == query.segments"),
    missing_is_true: ("both", "key.grid or key.T <= query.T"),
    columns_for_rows: ("grid", "key.H == query.H"),
    parts_from_zero: ("both", "causal and (key.text or key.H == query.H)"),
    flags_of_the_other_side: ("text", "key.valid and causal"),
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.__name__)
def test_a_mistake_is_seen(mistake: Callable[[Patch], None], monkeypatch: Patch) -> None:
    space, mask = MISTAKES[mistake]
    assert_is_the_mask(SPACES[space], mask)
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        assert_is_the_mask(SPACES[space], mask)
