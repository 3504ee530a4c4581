"""The least cut of a graph of values: each part by itself is as the whole, and weighs the least."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from tfspec.passes.memory import cut
from tfspec.passes.memory.cut import Part, least_cut


def drawn(seed: int, size: int = 9) -> list[Part]:
    """Values in order, each of which may be kept, or made again of others."""
    draw = random.Random(seed)
    found: list[Part] = []
    for place in range(size):
        later = range(place + 1, size)
        users = draw.sample(later, min(len(later), draw.randint(0, 3)))
        fixed, needed = draw.random() < 0.4, draw.random() < 0.3
        found.append(Part(draw.randint(1, 9), fixed, needed, tuple(users)))
    return found


def suffices(parts: list[Part], kept: set[int]) -> bool:
    """Whether what is needed can be made: nothing fixed leads to it but through what is kept."""
    found: set[int] = set()
    for place, part in enumerate(parts):
        if place not in kept and (part.fixed or place in found):
            if part.needed:
                return False
            found.update(user for user in part.users if not parts[user].fixed)
    return True


@pytest.mark.parametrize("seed", range(60))
def test_it_weighs_the_least_of_all_that_suffice(seed: int) -> None:
    parts = drawn(seed)
    places = range(len(parts))
    each = (set(some) for count in range(len(parts) + 1) for some in combinations(places, count))
    least = min(sum(parts[x].weight or 0 for x in some) for some in each if suffices(parts, some))
    found = least_cut(parts)
    assert suffices(parts, {*found})
    assert sum(parts[place].weight or 0 for place in found) == least


@pytest.mark.parametrize("seed", range(60))
def test_parts_that_are_cut_alone_are_cut_as_in_the_whole(seed: int) -> None:
    parts = drawn(seed, 40)
    assert least_cut(parts) == cut._cut(parts)


def test_what_repeats_is_cut_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = drawn(1)
    parts = [
        Part(each.weight, each.fixed, each.needed, [9 * at + user for user in each.users])
        for at in range(50)
        for each in layer
    ]
    cuts: list[int] = []
    whole = cut._cut
    monkeypatch.setattr(cut, "_cut", lambda some: cuts.append(len(some)) or whole(some))
    found = least_cut(parts)
    assert found == [9 * at + place for at in range(50) for place in whole(layer)]
    assert sum(cuts) <= len(layer)
