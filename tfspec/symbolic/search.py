"""The last step of the ladder: trying values, all of them where they are few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import inf, prod
from typing import TypeAlias

from tfspec.symbolic.claims import Claim
from tfspec.symbolic.intervals import Bound, Box

Point: TypeAlias = Mapping[str, int]

# About 3 µs a point: a claim that resists costs at most some milliseconds. A mend asks often.
ALL = 4096
FEW = 64
_PROBES = 1024


@dataclass(frozen=True)
class Found:
    """A small point at which a claim fails; or how many points show that none does (0: unsure)."""

    point: Point | None
    cases: int = 0


def search(claim: Claim, box: Box, confirm: Callable[[Point], bool], most: int) -> Found:
    """Try the claim at the points of the box: all or one period if at most `most`, or likely ones.

    A point counts as a failure when `confirm` says so too. The claim is one in normal form, where
    quotients may have cancelled; the one as stated may not be defined everywhere.
    """
    names = sorted(claim.symbols)
    counts = _counts(claim, box, names)
    exhaustive = prod(counts) <= most
    if exhaustive:
        axes = [_first(box[name], int(n)) for name, n in zip(names, counts, strict=True)]
    elif most < ALL:
        return Found(None)
    else:
        axes = _probes(claim, box, names)
    tried, doubtful = 0, False
    for values in _ascending(axes):
        point = dict(zip(names, values, strict=True))
        fails = claim.fails(point)
        if fails and confirm(point):
            return Found(_smaller(lambda p: bool(claim.fails(p)) and confirm(p), box, point))
        doubtful = doubtful or bool(fails)
        tried += fails is not None
    return Found(None, tried if exhaustive and not doubtful else 0)


def _counts(claim: Claim, box: Box, names: Sequence[str]) -> list[Bound]:
    """How many values of each symbol decide the claim."""
    periods = claim.periods() or {}
    counts = ((box[name][1] - box[name][0] + 1, periods.get(name, inf)) for name in names)
    return [min(both) for both in counts]


def _first(bounds: tuple[Bound, Bound], count: int) -> list[int]:
    low = _low(bounds)
    return list(range(low, low + count))


def _low(bounds: tuple[Bound, Bound]) -> int:
    return int(bounds[0])  # a declared dim always has a smallest value


def _ascending(axes: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    """Every point, in rings around the first one, so that the first to fail is a small one."""
    if len(axes) < 2:
        yield from product(*axes)
        return
    for ring in range(max(map(len, axes), default=0)):
        for at, axis in enumerate(axes):
            if ring < len(axis):
                before = (other[:ring] for other in axes[:at])
                after = (other[: ring + 1] for other in axes[at + 1 :])
                yield from product(*before, (axis[ring],), *after)


def _probes(claim: Claim, box: Box, names: Sequence[str]) -> list[list[int]]:
    """Values that tend to break claims: small ones, edges, powers of two, and numbers it names."""
    numbers = {abs(c) for size in (claim.left, claim.right) for c in size.terms.values()}
    likely = [*range(8), *(n + by for n in sorted(numbers)[:16] for by in (-1, 0, 1))]
    likely += [2**power + by for power in range(3, 21) for by in (0, 1)]
    per_axis = max(2, int(_PROBES ** (1 / len(names))))
    axes: list[list[int]] = []
    for name in names:
        low, high = _low(box[name]), box[name][1]
        edges = [low, int(high)] if high != inf else [low]
        inner = (value for value in likely if low < value < high)
        axes.append(sorted({*edges, *islice(dict.fromkeys(inner), per_axis)}))
    return axes


def _smaller(fails: Callable[[Point], bool], box: Box, point: Point) -> Point:
    """A point that fails too, each of its values made as small as halving can make it."""
    best = dict(point)
    for name in best:
        low, high = _low(box[name]) - 1, best[name]
        while high - low > 1:
            middle = (low + high) // 2
            if fails({**best, name: middle}):
                high = middle
            else:
                low = middle
        best[name] = high
    return best
