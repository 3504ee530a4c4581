"""The least cut of a graph of values: which to keep, so that what is needed can be made of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

END = -1
"""Where all leads to that is needed."""
NEVER = 1 << 62
"""More than any cut weighs."""


@dataclass(frozen=True)
class Part:
    """A value: what keeping it weighs (None: it cannot be kept), whether it is `fixed`, so that it
    is not made again, whether it is `needed`, and the places of values that are made of it."""

    weight: int | None
    fixed: bool
    needed: bool
    users: Sequence[int]


Alike = tuple[int | None, bool, bool, tuple[int, ...]]
"""What a value is to others beside it."""


def least_cut(parts: Sequence[Part]) -> list[int]:
    """The places of values to keep; of two cuts of one weight the one nearer to what is needed.

    Nothing flows into a fixed value, so that those between fixed ones are cut by themselves; and
    what is like another, as most layers are, is cut as that was.
    """
    known: dict[tuple[Alike, ...], list[int]] = {}
    found: list[int] = []
    for places in _alone(parts):
        at = {place: number for number, place in enumerate(places)}
        some = tuple([_within(parts, parts[place], at) for place in places])
        if some not in known:
            known[some] = _cut([Part(*each) for each in some])
        found += [places[number] for number in known[some]]
    return sorted(found)


def _alone(parts: Sequence[Part]) -> list[list[int]]:
    """Places that flow connects, each group in order."""
    leader = list(range(len(parts)))
    for place, part in enumerate(parts):
        for user in () if part.needed else part.users:
            if not parts[user].fixed:
                one, other = _first(leader, place), _first(leader, user)
                leader[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for place in range(len(parts)):
        groups.setdefault(_first(leader, place), []).append(place)
    return list(groups.values())


def _first(leader: list[int], place: int) -> int:
    while leader[place] != place:
        leader[place] = leader[leader[place]]
        place = leader[place]
    return place


def _within(parts: Sequence[Part], part: Part, at: Mapping[int, int]) -> Alike:
    """A value among those at these places: users that nothing flows into are left out."""
    users = () if part.needed else [at[user] for user in part.users if not parts[user].fixed]
    return part.weight, part.fixed, part.needed, tuple(users)


def _cut(parts: Sequence[Part]) -> list[int]:
    """The cut of values that flow connects.

    Each value is an edge with its weight, from 2 · place to 2 · place + 1. As much flows as can
    from each fixed value, one after another (Ford and Fulkerson, 1956): where none flows any more
    is the cut. Values that nothing fixed goes into cost nothing, and never are in it.
    """
    rest = _capacities(parts)
    for place, part in enumerate(parts):
        if part.fixed:
            while _push(rest, 2 * place):
                pass
    below = _leading(rest)
    return [
        place
        for place, part in enumerate(parts)
        if part.weight and 2 * place not in below and _beyond(part, place, below)
    ]


def _beyond(part: Part, place: int, below: set[int]) -> bool:
    return part.needed or 2 * place + 1 in below


def _capacities(parts: Sequence[Part]) -> list[dict[int, int]]:
    """What each edge can still carry, by where it begins. Into a fixed value none has to go."""
    rest: list[dict[int, int]] = [{} for _ in range(2 * len(parts))]
    for place, part in enumerate(parts):
        begin, end = 2 * place, END if part.needed else 2 * place + 1
        rest[begin][end] = NEVER if part.weight is None else part.weight
        for user in () if part.needed else part.users:
            if not parts[user].fixed:
                rest[2 * place + 1][2 * user] = NEVER
    return rest


def _push(rest: list[dict[int, int]], start: int) -> bool:
    """Let as much flow as goes along a shortest way to the end; False where there is none."""
    came = _way(rest, start)
    if END not in came:
        return False
    way = [END]
    while way[-1] != start:
        way.append(came[way[-1]])
    edges = [(a, b) for b, a in pairwise(way)]
    most = min(rest[a][b] for a, b in edges)
    assert most < NEVER, "what cannot be kept can be made again"
    for a, b in edges:
        rest[a][b] -= most
        if b != END:
            rest[b][a] = rest[b].get(a, 0) + most
    return True


def _way(rest: list[dict[int, int]], start: int) -> dict[int, int]:
    """From where each node was first met, up to the end."""
    came, todo = {start: start}, deque([start])
    while todo:
        at = todo.popleft()
        for to, room in rest[at].items():
            if room and to not in came:
                came[to] = at
                if to == END:
                    return came
                todo.append(to)
    return came


def _leading(rest: Sequence[dict[int, int]]) -> set[int]:
    """The nodes from which something more could flow to the end."""
    into: dict[int, list[int]] = {}
    for at, edges in enumerate(rest):
        for to, room in edges.items():
            if room:
                into.setdefault(to, []).append(at)
    found, todo = set[int](), [END]
    while todo:
        for at in into.get(todo.pop(), ()):
            if at not in found:
                found.add(at)
                todo.append(at)
    return found
