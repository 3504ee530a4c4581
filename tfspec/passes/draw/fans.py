"""Branches: a residual in a lane beside its trunk, and several branches side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tfspec.passes.draw.beside import beside
from tfspec.passes.draw.exchange import cross_over, room
from tfspec.passes.draw.parts import Box, Card, Fan, Item, Jump, Series, Start
from tfspec.passes.draw.shapes import Path

if TYPE_CHECKING:
    from tfspec.passes.draw.layout import Block, Placer


def fan(placer: Placer, item: Fan, half: int) -> Block:
    """One branch stays on the trunk; several stand side by side; empty ones are lanes."""
    if isinstance(item.join, Card):
        return beside(placer, item, item.join, half)
    full = [branch for branch in item.branches if branch.items]
    lanes = len(item.branches) - len(full)
    if len(full) == 1 and item.join is not None and item.split:
        return _residual(placer, item, item.join, half, lanes)
    return _parallel(placer, item, lanes)


def _residual(placer: Placer, item: Fan, join: Box, half: int, lanes: int) -> Block:
    from tfspec.passes.draw.layout import Block

    m = placer.m
    branch = next(branch for branch in item.branches if branch.items)
    body, joint = placer.series(branch, half), placer.box(join, half)
    entry = m.point + m.gap
    leave = m.gap_for(placer.label(branch))
    length = entry + body.length + leave + joint.length
    label = placer.beside(placer.label(branch))
    left, right = max(body.left, joint.left, label[0]), max(body.right, joint.right, label[1])
    sides = _Lanes(placer, left, right, lanes)

    def draw(x: int, s: int) -> None:
        start, end = s + entry, s + entry + body.length
        apart = branch.begins_elsewhere
        if m.point or not apart:
            placer.line([(x, s - m.point), (x, s if apart else start - m.point)], body.solid)
        body.draw(x, start)
        placer.leave(branch.items[-1], x, end, end + leave, True)
        placer.shape(x, end, end + leave, placer.label(branch))
        joint.draw(x, end + leave)
        center = end + leave + (joint.length - m.point) // 2
        sides.draw(x, s, center, joint, turns=apart)

    return Block(sides.left, sides.right, length, draw, solid=False)


class _Lanes:
    """Residuals beside what stands so far left and right of a trunk: at the right, or mirrored.

    `left` and `right` are how far it all reaches.
    """

    def __init__(self, placer: Placer, left: int, right: int, count: int) -> None:
        lane = placer.m.lane
        self.placer, self.mirrored = placer, placer.mirrored
        self.places = [(left if self.mirrored else right) + lane * at for at in range(1, count + 1)]
        self.left = left + lane * count * self.mirrored
        self.right = right + lane * count * (not self.mirrored)

    def draw(self, x: int, tap: int, center: int, joint: Block, *, turns: bool) -> None:
        """From the trunk out to each lane, along it, and back into the join. Where the trunk
        `turns`, it goes on as the lane that is nearest to it."""
        way, half = (-1, joint.left) if self.mirrored else (1, joint.right)
        edge = x + way * (half + self.placer.m.point)
        for at, (place, (up, over)) in enumerate(zip(self.places, self._apart(), strict=True)):
            side, s, end = x + way * place, tap + up, center + over
            points, goes_on = ((x, s), (side, s), (side, end), (edge, end)), turns and at == 0
            points = ((x, tap), *points) if goes_on and up else points
            self.placer.out.paths.append(Path(points, "residual", arrow=True, tap=not goes_on))

    def _apart(self) -> Iterator[tuple[int, int]]:
        """How far each lane begins above the last, and ends beside the middle: an inner one within
        an outer one."""
        m, count = self.placer.m, len(self.places)
        step = 0 if m.point else min(4, 2 * m.sign // (count + 1))
        for at in range(count):
            yield step * (count - 1 - at), step * (2 * at + 1 - count) // 2


class _Parallel:
    """Branches beside each other, the trunk in the middle of the outermost two.

    Lengths along the flow: `bus` to where the trunk parts, `entry` to where the branches begin,
    `raised` from there to where each of them does, `meet` to where they meet or a box joins them,
    `arrive` from there to the join.
    """

    def __init__(self, placer: Placer, item: Fan, lanes: int) -> None:
        m = placer.m
        self.placer, self.item, self.lanes = placer, item, lanes
        self.branches = [branch for branch in item.branches if branch.items]
        self.boxed = isinstance(item.join, Box) and item.join.form == "box"
        self.bodies = list(map(self._body, range(len(self.branches))))
        labels = [placer.beside(placer.label(each)) for each in self.branches]
        pairs = list(zip(self.bodies, labels, strict=True))
        lefts = [max(body.left, label[0]) for body, label in pairs]
        rights = [max(body.right, label[1]) for body, label in pairs]
        over = [m.stacked and not item.split and each for each in _over(self.branches)]
        between = room(self.branches, m) if item.columns else m.branch
        self.centers = self._placed(_places(lefts, rights, between, over))
        self.raised = self._raised(over)
        self.joint = self._joint()
        self.bus = m.point + m.gap if lanes else 0
        self.entry = self.bus + m.point + m.gap if item.split else 0
        self.meet = (
            self.entry + self._longest + m.gap_for("".join(map(placer.label, self.branches)))
        )
        self.arrive = 0 if self.boxed else m.point + m.gap
        reach = [
            (left - c, right + c)
            for left, right, c in zip(lefts, rights, self.centers, strict=True)
        ]
        if self.joint is not None:
            reach.append((self.joint.left, self.joint.right))
        left, right = (max(side) for side in zip(*reach, strict=True))
        self.sides = _Lanes(placer, left, right, lanes)
        self.border = self.centers[0] + rights[0]

    def _body(self, at: int) -> Block:
        """A branch; of two columns the first has its residuals at the left."""
        placer, branch = self.placer, self.branches[at]
        with placer.turned(self.item.columns and at == 0):
            return placer.series(branch, placer.natural(branch))

    def _placed(self, places: Sequence[int]) -> list[int]:
        """Where branches stand beside the trunk: it is in the middle of the first and the last, or
        goes straight into a box as the only one of two that goes on from it."""
        going = [at for at, each in enumerate(self.branches) if not each.begins_elsewhere]
        alone = self.item.split and self.boxed and (len(going), len(self.branches)) == (1, 2)
        trunk = places[going[0]] if alone else (places[0] + places[-1]) // 2
        return [place - trunk for place in places]

    def _raised(self, over: Sequence[bool]) -> list[int]:
        """How far above the beginning each branch stands: over the one before, or not at all."""
        found: list[int] = []
        before = 0
        for branch, body, raised in zip(self.branches, self.bodies, over, strict=True):
            found.append(before if raised else 0)
            before = found[-1] + body.length + self.placer.m.gap_for(self.placer.label(branch))
        return found

    @property
    def _longest(self) -> int:
        return max(s + body.length for s, body in zip(self.raised, self.bodies, strict=True))

    def _joint(self) -> Block | None:
        """What joins the branches; a box is as wide as to be under all of them."""
        join, m = self.item.join, self.placer.m
        if not isinstance(join, Box):
            return None
        span = max(self._span + m.pad, m.half(m.narrowest), self.placer.natural_of(join))
        return self.placer.box(join, span)

    @property
    def _span(self) -> int:
        """How far the outermost branch is from the trunk."""
        return max(-self.centers[0], self.centers[-1])

    @property
    def length(self) -> int:
        if self.item.meet:
            return self.meet + self.placer.m.point
        if self.joint is None:
            return self.entry + self._longest
        return self.meet + self.arrive + self.joint.length

    def draw(self, x: int, s: int) -> None:
        self._part(x, s)
        before = len(self.placer.across)
        for at, body in enumerate(self.bodies):
            with self.placer.turned(self.item.columns and at == 0):
                body.draw(x + self.centers[at], s + self.entry + self.raised[at])
            if self.boxed and _is_jump(self.branches[at]):
                self.placer.leave(*self._last(at, x, s), s + self.meet, True)
        if self.item.columns:
            reading = self.placer.across[before:]
            cross_over(self.placer, reading, x + self.border)
        if self.joint is not None or self.item.meet:
            self._meet(x, s)
        if self.joint is not None:
            self._join(x, s, self.joint)

    def _part(self, x: int, s: int) -> None:
        """From the trunk to each branch that goes on from it: on each side to the outermost by the
        bus, to others straight from it. What begins at a value elsewhere has its own line."""
        point, bus = self.placer.m.point, s + self.bus
        parting = [at for at, each in enumerate(self.branches) if not each.begins_elsewhere]
        if self.lanes and (point or parting):
            self.placer.line([(x, s), (x, bus if parting else s)])
        places = [self.centers[at] for at in parting]
        for at in parting if self.item.split else ():
            center = x + self.centers[at]
            way = [(center, bus), (center, s + self.entry - point)]
            if self.centers[at] in (min(0, *places), max(0, *places)):
                lead = [(x, bus - point)] if at == parting[0] and point else []
                way = [*lead, (x, bus), *way]
            self.placer.line(way, self.bodies[at].solid)

    def _last(self, at: int, x: int, s: int) -> tuple[Item, int, int]:
        """A branch's last item, and where it ends."""
        end = s + self.entry + self.raised[at] + self.bodies[at].length
        return self.branches[at].items[-1], x + self.centers[at], end

    def _outermost(self, at: int) -> bool:
        return at in (0, len(self.centers) - 1)

    def _meet(self, x: int, s: int) -> None:
        """From each branch into the box that joins them, or to one line."""
        point, meet = self.placer.m.point, s + self.meet
        for at, branch in enumerate(self.branches):
            _, center, end = self._last(at, x, s)
            if self.boxed and not _is_jump(branch):
                self.placer.line([(center, end), (center, meet - point)], True)
            elif not self.boxed:
                side = [(x, meet)] if self._outermost(at) else []
                self.placer.line([(center, end), (center, meet), *side])
            label = self.placer.label(branch)
            self.placer.shape(center, end, end + self.placer.m.gap_for(label), label)
        if self.item.meet and point:
            self.placer.line([(x, meet), (x, meet + point)])

    def _join(self, x: int, s: int, joint: Block) -> None:
        point, meet = self.placer.m.point, s + self.meet
        if not self.boxed:
            self.placer.line([(x, meet), (x, meet + self.arrive - point)], True)
        joint.draw(x, meet + self.arrive)
        middle = meet + self.arrive + (joint.length - point) // 2
        apart = all(each.begins_elsewhere for each in self.branches)
        self.sides.draw(x, s, middle, joint, turns=apart)


def _parallel(placer: Placer, item: Fan, lanes: int) -> Block:
    from tfspec.passes.draw.layout import Block

    side = _Parallel(placer, item, lanes)
    return Block(side.sides.left, side.sides.right, side.length, side.draw, solid=False)


def _over(branches: Sequence[Series]) -> list[bool]:
    """Which branches may stand over the one before: both are plain chains from an input."""
    plain = [all(map(_is_plain, branch.items)) for branch in branches]
    return [False, *(one and other for one, other in pairwise(plain))]


def _is_jump(branch: Series) -> bool:
    """Whether it is no more than the line of a value that is made elsewhere."""
    return isinstance(branch.items[-1], Jump)


def _is_plain(item: Item) -> bool:
    return isinstance(item, Start) or (isinstance(item, Box) and not item.reads)


def _places(
    lefts: Sequence[int], rights: Sequence[int], gap: int, over: Sequence[bool]
) -> list[int]:
    """Where branches stand, from left to right. One that stands over another leaves room for its
    line, at its left."""
    places: list[int] = []
    at = 0
    for left, right, raised in zip(lefts, rights, over, strict=True):
        places.append(places[-1] + gap + left if raised else at + left)
        at = max(at, places[-1] + right + gap)
    return places
