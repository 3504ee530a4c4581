"""Lines between two columns that read each other: each in a channel of its own, and where two have
to cross, one is broken and passes under the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.broken import broken
from tfspec.passes.draw.measure import Measure
from tfspec.passes.draw.parts import Series, boxes
from tfspec.passes.draw.shapes import Path, Point

if TYPE_CHECKING:
    from tfspec.passes.draw.layout import Across, Placer


_FEW = 4
"""Lines of which every order is tried."""


@dataclass(frozen=True)
class _Line:
    """From the trunk of one column, where a value is made, to the boxes of the other.

    `tap` is where it leaves the trunk at `x`; `ports` are where it ends.
    """

    x: int
    tap: int
    ports: tuple[Point, ...]

    @property
    def right(self) -> bool:
        """Whether it runs to the right."""
        return self.x < self.ports[0][0]

    @property
    def upright(self) -> tuple[int, int]:
        """How far its channel is taken."""
        heights = self.tap, *(s for _, s in self.ports)
        return min(heights), max(heights)

    def levels(self, channel: int) -> Iterator[tuple[int, int, int]]:
        """Its pieces from side to side: their ends, and their heights."""
        for x, s in ((self.x, self.tap), *self.ports):
            yield min(x, channel), max(x, channel), s

    def ways(self, channel: int) -> Iterator[list[Point]]:
        """To the farthest port on each side of the tap; the others fork off that."""
        above = sorted((p for p in self.ports if p[1] >= self.tap), key=lambda p: -p[1])
        below = sorted((p for p in self.ports if p[1] < self.tap), key=lambda p: p[1])
        start = [(self.x, self.tap)]
        for ports in (above, below):
            for at, (x, s) in enumerate(ports):
                yield [*([] if at else [*start, (channel, self.tap)]), (channel, s), (x, s)]
                start = []


def room(branches: Iterable[Series], m: Measure) -> int:
    """How far the columns stand apart: a channel for each value that one reads of the other."""
    several = [{t for box in boxes(branch) for t in box.across} for branch in branches]
    return 2 * (_apart(m) + m.point) + _apart(m) * (sum(map(len, several)) - 1)


def _apart(m: Measure) -> int:
    """From one channel to the next, and to a column: a broken line's pieces show, and its arrow."""
    return m.channel + m.branch // 2


def cross_over(placer: Placer, reading: Sequence[Across], left: int) -> None:
    """Draw the lines to these boxes; `left` is where the left column ends."""
    lines = list(_lines(placer, reading, left))
    first, apart = left + _apart(placer.m) + placer.m.point, _apart(placer.m)
    channels = _channels(lines, first, apart)
    uprights = [(x, x, *line.upright) for line, x in zip(lines, channels, strict=True)]
    for line, x in zip(lines, channels, strict=True):
        for way in line.ways(x):
            path = Path(tuple(way), "cross", arrow=True, tap=True)
            placer.out.paths += broken(path, uprights, placer.m)


def _lines(placer: Placer, reading: Sequence[Across], left: int) -> Iterator[_Line]:
    """One for each value, to all that read it; no two of them end at one height."""
    m = placer.m
    ports: dict[Tensor, list[Point]] = {}
    sources = dict.fromkeys(source for box in reading for source in box.sources)
    taps = {source: placer.ends[source][1] + m.tap - m.point for source in sources}
    taken = list(taps.values())
    for box in reading:
        for source in box.sources:
            port = _free(box, taken, 1 if m.point else 8)
            taken.append(port)
            x = box.right if box.left < left else box.left - m.point
            ports.setdefault(source, []).append((x, port))
    for source, ends in ports.items():
        yield _Line(placer.ends[source][0], taps[source], tuple(ends))


def _free(box: Across, taken: Iterable[int], step: int) -> int:
    """The height in a box's side that is nearest to its middle, and where no line runs."""
    heights = sorted(
        range(box.s + step, box.s + box.length - step, step),
        key=lambda height: abs(2 * height - 2 * box.s - box.length),
    )
    free = (height for height in heights if all(abs(height - each) >= step for each in taken))
    return next(free, heights[0])


def _channels(lines: Sequence[_Line], first: int, apart: int) -> list[int]:
    """Which channel each line goes up in, so that as few as may be cross.

    Those to the right go farther left, of each the last one nearest to its trunk, which is best
    where all go up; of few lines every order is tried.
    """
    order = sorted(lines, key=lambda line: (not line.right, -line.tap if line.right else line.tap))
    orders = permutations(order) if len(lines) <= _FEW else [order]
    places = ([first + apart * each.index(line) for line in lines] for each in orders)
    return min(places, key=lambda channels: _meetings(lines, channels))


def _meetings(lines: Sequence[_Line], channels: Sequence[int]) -> tuple[int, int]:
    """How often lines touch, and how often they cross."""
    placed = list(zip(lines, channels, strict=True))
    levels = [(line, *level) for line, x in placed for level in line.levels(x)]
    pairs = [(a, b) for a, b in combinations(levels, 2) if a[0] is not b[0] and a[3] == b[3]]
    touch = sum(1 for a, b in pairs if max(a[1], b[1]) <= min(a[2], b[2]))
    cross = 0
    for line, low, high, s in levels:
        for other, x in placed:
            if other is not line and low <= x <= high:
                start, end = other.upright
                cross += start < s < end
                touch += s in (start, end)
    return touch, cross
