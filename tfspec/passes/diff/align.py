"""Steps of two pipelines side by side: which stands for which, by Needleman and Wunsch (1970)."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from tfspec.passes.diff.knobs import changes
from tfspec.passes.diff.steps import Step

Pair = tuple[Step | None, Step | None]
_MOST = 100_000  # pairs to weigh; two pipelines of 300 steps that begin and end alike have few


def align(a: Sequence[Step], b: Sequence[Step]) -> list[Pair]:
    """Every step of both, in order; None beside a step that only one of them has."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    middle = _weighed(a[start : len(a) - end], b[start : len(b) - end])
    ends = zip(a[len(a) - end :], b[len(b) - end :], strict=True)
    return [*zip(a[:start], b[:start], strict=True), *middle, *ends]


def _weighed(a: Sequence[Step], b: Sequence[Step]) -> list[Pair]:
    if len(a) * len(b) > _MOST:
        return [*((step, None) for step in a), *((None, step) for step in b)]
    best = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    like = [[likeness(x, y) for y in b] for x in a]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            both = best[i + 1][j + 1] + like[i][j] if like[i][j] else 0.0
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    return _path(a, b, like, best)


def _path(
    a: Sequence[Step], b: Sequence[Step], like: list[list[float]], best: list[list[float]]
) -> list[Pair]:
    found: list[Pair] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if like[i][j] and best[i][j] == best[i + 1][j + 1] + like[i][j]:
            found.append((a[i], b[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            found.append((a[i], None))
            i += 1
        else:
            found.append((None, b[j]))
            j += 1
    return [*found, *((step, None) for step in a[i:]), *((None, step) for step in b[j:])]


def likeness(a: Step, b: Step) -> float:
    """0 for steps that cannot stand for each other, else from 1 to 2: 2 for equal ones."""
    free = ("source", "block")  # these may be called anything
    if a.kind != b.kind or (a.name != b.name and a.kind not in free):
        return 0.0
    count = len({*a.knobs, *b.knobs})
    unlike = len({change.name.partition(".")[0] for change in changes(a.knobs, b.knobs)})
    knobs = 1.0 if not count else 1 - unlike / count
    names = [[step.name for step in each.inner] for each in (a, b)]
    inner = SequenceMatcher(None, *names, autojunk=False).ratio() if any(names) else 1.0
    return 1 + (knobs + inner + (a.name == b.name)) / 3
