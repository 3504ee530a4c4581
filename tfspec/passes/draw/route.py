"""Cross edges: from where a value is made to the boxes of other places that read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.broken import broken
from tfspec.passes.draw.connect import connect
from tfspec.passes.draw.crossings import any_cross, headings, meets, runs_over, segments
from tfspec.passes.draw.parts import Series, boxes, jumps
from tfspec.passes.draw.shapes import Path, Point

if TYPE_CHECKING:
    from tfspec.passes.draw.layout import Placer, Target


def channels(column: Series) -> int:
    """How many values come to a column from elsewhere: each has a channel at its left."""
    return len(sources(column))


def sources(column: Series) -> list[Tensor]:
    """Those values."""
    read = [tensor for box in boxes(column) for tensor in box.reads]
    return list(dict.fromkeys([*read, *(jump.source for jump in jumps(column))]))


def route(placer: Placer, sides: list[int], gaps: list[int]) -> None:
    """Draw every cross edge; `sides` are the left ends of the columns, `gaps` lie before them.

    The channel of the highest target is nearest to it, so that edges do not cross. Of those of one
    value the farthest comes first: the others fork off it.
    """
    placer.targets = _spread(placer)
    numbers: dict[tuple[int, Tensor], int] = {}
    for target in _highest_first(placer.targets):
        key = _column(target, sides), target.source
        numbers.setdefault(key, sum(1 for at, _ in numbers if at == key[0]))
    drawn = _Drawn(placer)
    order = _farthest_first(placer, sides)
    waiting = sorted(order, key=lambda each: each.line != "trunk")  # what goes on is not broken
    while waiting:
        target = waiting.pop(0)
        column = _column(target, sides)
        channel = sides[column] - placer.m.channel * (numbers[column, target.source] + 1)
        before = drawn.of(target.source)
        path = _forked(placer, target, before) or _path(placer, target, channel, gaps)
        if not _is_clear(placer, path):
            path = connect(placer, target, before, waiting) or path
        drawn.add(target, path)
    drawn.show(order)


class _Drawn:
    """The lines that are drawn, by what they lead to."""

    def __init__(self, placer: Placer) -> None:
        self.placer, self.before = placer, list(placer.out.paths)
        self.lines: dict[Target, list[Path]] = {}

    def of(self, source: Tensor) -> list[Path]:
        """Those of one value."""
        found = (lines for target, lines in self.lines.items() if target.source is source)
        return [path for lines in found for path in lines]

    def add(self, target: Target, path: Path) -> None:
        """A line, which passes under those of other values."""
        for lines in self.lines.values():
            _part(lines, path.points[0])
        known = {id(each) for each in self.of(target.source)}
        self.show(self.lines)
        others = (each for each in self.placer.out.paths if id(each) not in known)
        over = (segment for other in others for segment in segments(other))
        self.lines[target] = broken(path, over, self.placer.m)
        self.show(self.lines)

    def show(self, order: Iterable[Target]) -> None:
        """Draw them in an order."""
        self.placer.out.paths[:] = [
            *self.before,
            *(path for target in order for path in self.lines[target]),
        ]


def _part(paths: list[Path], at: Point) -> None:
    """Where a line forks off a corner, the one that bends there ends, and begins again: a corner
    that is round would leave the dot beside it."""
    for number, path in enumerate(paths):
        if at in path.points[1:-1]:
            corner = path.points.index(at)
            first = replace(path, points=path.points[: corner + 1], arrow=False)
            last = replace(path, points=path.points[corner:], tap=False)
            paths[number : number + 1] = first, last
            return


def _spread(placer: Placer) -> list[Target]:
    """The targets: edges that end at one box do so below each other, what was made first lowest."""
    spread: list[Target] = []
    ports: dict[tuple[int, int], list[Target]] = {}
    for target in placer.targets:
        ports.setdefault((target.x, target.s), []).append(target)
    step = max(placer.m.title // 2, 1)
    for (x, s), targets in ports.items():
        targets.sort(key=lambda each: placer.ends[each.source][1])
        area = next((box.rect for box in placer.out.boxes if box.rect.holds((x, s))), None)
        for at, target in enumerate(targets):
            place = s + (2 * at - len(targets) + 1) * step // 2
            place = place if area is None else max(area.y, min(area.bottom - 1, place))
            spread.append(replace(target, s=place))
    return _below_each_other(spread, placer.m.name)


def _below_each_other(targets: Sequence[Target], room: int) -> list[Target]:
    """Lines of several values that come to feet at one height do so below each other, the one that
    goes farthest to the right lowest."""
    lowered: dict[Target, Target] = {}
    for height in {target.s for target in targets if target.rises}:
        level = [target for target in targets if target.rises and target.s == height]
        last = {target.source: target.x for target in sorted(level, key=lambda each: each.x)}
        order = sorted(last, key=lambda source: last[source])
        for target in level:
            less = order.index(target.source) * max(room // len(order), 1)
            lowered[target] = replace(target, s=height - less, rises=target.rises + less)
    return [lowered.get(target, target) for target in targets]


def _highest_first(targets: list[Target]) -> list[Target]:
    return sorted(targets, key=lambda each: (-each.s, -each.x if each.rises else 0))


def _farthest_first(placer: Placer, sides: list[int]) -> list[Target]:
    """The highest first; but those of one value and column that lie below it, the lowest first."""
    below: dict[tuple[int, Tensor], list[Target]] = {}
    for target in _highest_first(placer.targets):
        if target.s < placer.ends[target.source][1]:
            below.setdefault((_column(target, sides), target.source), []).append(target)
    for targets in below.values():
        targets.sort(key=lambda each: (-each.s, each.x))
    return [
        below[_column(target, sides), target.source].pop()
        if target.s < placer.ends[target.source][1]
        else target
        for target in _highest_first(placer.targets)
    ]


def _column(target: Target, sides: list[int]) -> int:
    return max(at for at, side in enumerate(sides) if side <= target.x)


def _tip(placer: Placer, target: Target) -> tuple[Point, ...]:
    """Where a line to a target ends: in front of a box's side, or at its foot, from below it."""
    if target.rises:
        return (target.x, target.s), (target.x, target.s + target.rises)
    return ((target.x - placer.m.point * target.arrow, target.s),)


def _forked(placer: Placer, target: Target, drawn: Sequence[Path]) -> Path | None:
    """Straight up from a line of the same value that goes across below the target, or straight
    across from one that goes up or down past it."""
    pieces = [piece for path in drawn for piece in pairwise(path.points)]
    x, s = target.x, target.s
    below = (a[1] == b[1] == s and min(a[0], b[0]) < x < max(a[0], b[0]) for a, b in pieces)
    if target.rises and any(below):
        return Path(_tip(placer, target), target.line, target.arrow, tap=True)
    for a, b in pieces:
        past = a[0] == b[0] and min(a[1], b[1]) < s < max(a[1], b[1])
        if past and _is_free(placer, a[0], x, s):
            points = ((a[0], s), *_tip(placer, target))
            return Path(points, target.line, target.arrow, tap=True)
    return None


def _path(placer: Placer, target: Target, channel: int, gaps: Sequence[int]) -> Path:
    """By the shortest way that is free: straight up and across, across, along a channel, or over
    what stands between."""
    m = placer.m
    x, end = placer.ends[target.source]
    last = _tip(placer, target)
    tap = end + m.tap - m.point
    if not _is_end(placer, x, end):
        across = target.s == tap and _is_free(placer, x, target.x, tap)
        bend = () if across else ((channel, tap), (channel, target.s))
        if x > target.x and target.s < tap:  # down before what it makes goes up again
            channel = next((each for each in gaps if target.x < each < x), channel)
            bend = ((channel, tap), (channel, target.s))
        gap = next((each for each in gaps if each > x), channel)
        if not across and gap < channel and not _is_free(placer, gap, channel, tap):
            over = _above(placer, gap, channel) + m.gap + m.channel
            bend = ((gap, tap), (gap, over), (channel, over), (channel, target.s))
        return Path(((x, tap), *bend, *last), target.line, target.arrow, tap=True)
    leave = end + m.gap - m.gap // 4 - m.point
    start = x, end - m.point
    if target.s >= leave:
        direct = Path((start, (x, target.s), *last), target.line, target.arrow)
        if x < channel or _is_clear(placer, direct):
            return direct
    bend = ((x, leave), (channel, leave), (channel, target.s))
    return Path((start, *bend, *last), target.line, target.arrow)


def _is_clear(placer: Placer, path: Path) -> bool:
    """Whether it meets no box, no word, and no line, itself too, but where it begins and ends."""
    out, m = placer.out, placer.m
    rects = [box.rect for box in out.boxes if not box.rect.holds(path.points[0])]
    rects += [rect for card in out.cards for rect in headings(card, m, m.up)]
    if any(meets([path], rect, m) for rect in rects):
        return False
    pieces = [Path(pair, path.line) for pair in pairwise(path.points)]
    return not (
        any_cross(pieces)
        or any(runs_over([path], text, m) for text in out.texts)
        or any(any_cross([path, other]) for other in out.paths)
    )


def _above(placer: Placer, left: int, right: int) -> int:
    """Where all that stands between two places has ended."""
    out = placer.out
    rects = [shape.rect for shape in (*out.boxes, *out.cards) if left < shape.rect.x < right]
    lines = [s for path in out.paths for x, s in path.points if left < x < right]
    words = [text.y + placer.m.name for text in out.texts if left < text.x < right]
    return max([*(rect.bottom for rect in rects), *lines, *words])


def _is_end(placer: Placer, x: int, s: int) -> bool:
    """Whether nothing goes on from here along the trunk."""
    return not any(path.points[0] == (x, s) for path in placer.out.paths)


def _is_free(placer: Placer, x: int, other: int, s: int) -> bool:
    """Whether a line across meets no box and no other line on its way."""
    low, high = min(x, other), max(x, other)
    rects = (box.rect for box in placer.out.boxes)
    boxed = any(r.x < high and low < r.right and r.y <= s <= r.bottom for r in rects)
    return not boxed and not any(
        low < a[0] == b[0] < high and min(a[1], b[1]) <= s <= max(a[1], b[1])
        for path in placer.out.paths
        for a, b in pairwise(path.points)
    )
