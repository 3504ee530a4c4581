"""Order in a graph of names: what comes after what, and which names go round in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Needs = Mapping[str, Iterable[str]]


def ordered(needs: Needs) -> list[str]:
    """The names, each after those that it needs. Those in or behind a cycle are left out."""
    waits = {name: set(others) & needs.keys() for name, others in needs.items()}
    wanted_by: dict[str, list[str]] = {name: [] for name in needs}
    for name, others in waits.items():
        for other in others:
            wanted_by[other].append(name)
    done = [name for name, others in waits.items() if not others]
    for name in done:  # grows as others become ready
        for other in wanted_by[name]:
            waits[other].discard(name)
            if not waits[other]:
                done.append(other)
    return done


def cycles(needs: Needs) -> list[list[str]]:
    """Circles of names, each name in one at most, each beginning with its first name."""
    after = set(ordered(needs))
    left = {name: index for index, name in enumerate(needs) if name not in after}
    found: list[list[str]] = []
    seen: set[str] = set()
    for name in left:
        path: dict[str, int] = {}
        at: str | None = name
        while at is not None and at not in seen and at not in path:
            path[at] = len(path)
            at = next((other for other in needs[at] if other in left), None)
        if at is not None and at in path:
            found.append(_from_first(list(path)[path[at] :], left))
        seen.update(path)
    return found


def _from_first(cycle: list[str], order: Mapping[str, int]) -> list[str]:
    start = cycle.index(min(cycle, key=order.__getitem__))
    return cycle[start:] + cycle[:start]
