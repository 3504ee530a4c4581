"""Branches: a residual in a lane beside its trunk, and several branches side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfspec.passes.draw.parts import Box, Fan
from tfspec.passes.draw.shapes import Path, Text

if TYPE_CHECKING:
    from tfspec.passes.draw.layout import Block, Placer


def fan(placer: Placer, item: Fan, half: int) -> Block:
    """One branch stays on the trunk; several stand side by side; empty ones are lanes."""
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
    leave = m.gap_for(branch.label)
    length = entry + body.length + leave + joint.length
    label = m.beside + m.width(branch.label, "label") if branch.label else 0
    inner = max(body.right, joint.right, label)
    right = inner + m.lane * lanes

    def draw(x: int, s: int) -> None:
        start, end = s + entry, s + entry + body.length
        placer.edge(x, s, start, body.solid)
        body.draw(x, start)
        placer.edge(x, end, end + leave, True, branch.label)
        joint.draw(x, end + leave)
        center = end + leave + (joint.length - m.point) // 2
        for at in range(1, lanes + 1):
            lane(placer, x, s, x + inner + m.lane * at, center, joint.right)

    return Block(max(body.left, joint.left), right, length, draw, solid=False)


def lane(placer: Placer, x: int, tap: int, side: int, center: int, half: int) -> None:
    """A residual: from the trunk out to its lane, along it, and back into the join."""
    edge = x + half + placer.m.point
    points = ((x, tap), (side, tap), (side, center), (edge, center))
    placer.out.paths.append(Path(points, "residual", arrow=True, tap=True))


def _parallel(placer: Placer, item: Fan, lanes: int) -> Block:
    """Branches beside each other, the trunk in the middle of the outermost two."""
    from tfspec.passes.draw.layout import Block

    m = placer.m
    full = [branch for branch in item.branches if branch.items]
    halves = [placer.natural(branch) for branch in full]
    bodies = [placer.series(branch, half) for branch, half in zip(full, halves, strict=True)]
    labels = [m.beside + m.width(b.label, "label") if b.label else 0 for b in full]
    rights = [max(body.right, label) for body, label in zip(bodies, labels, strict=True)]
    centers = _centers([body.left for body in bodies], rights, m.branch)
    join = item.join
    box = join is not None and join.form == "box"
    span = centers[-1] + m.pad if box and centers else 0
    joint = (
        placer.box(join, max(span, m.half(m.narrowest), placer.natural_of(join))) if join else None
    )
    before = m.point + m.gap if lanes else 0
    entry = before + m.point + m.gap if item.split else 0
    longest = max((body.length for body in bodies), default=0)
    merge = m.gap_for(next((b.label for b in full if b.label), ""))
    arrive = 0 if box else m.point + m.gap
    length = entry + longest + (merge + arrive + joint.length if joint is not None else 0)
    left = max(
        [b.left - c for b, c in zip(bodies, centers, strict=True)] + [joint.left if joint else 0]
    )
    inner = max(
        [r + c for r, c in zip(rights, centers, strict=True)] + [joint.right if joint else 0]
    )

    def draw(x: int, s: int) -> None:
        bus = s + before
        if lanes:
            placer.line([(x, s), (x, bus)])
        for branch, body, center in zip(full, bodies, centers, strict=True):
            begin = s + entry
            if item.split:
                way = [
                    (x, bus - m.point),
                    (x, bus),
                    (x + center, bus),
                    (x + center, begin - m.point),
                ]
                placer.line(way, body.solid)
            body.draw(x + center, begin)
            if joint is None:
                continue
            end, at = begin + body.length, s + entry + longest + merge
            if box:
                placer.line([(x + center, end), (x + center, at - m.point)], True)
            else:
                way = [(x + center, end), (x + center, at), (x, at), (x, at + arrive - m.point)]
                placer.line(way, True)
            if branch.label:
                y = end + (merge - m.point) // 2
                text = Text(x + center + m.beside, y, branch.label, "label", "start")
                placer.out.texts.append(text)
        if joint is not None:
            at = s + entry + longest + merge
            joint.draw(x, at + arrive)
            center = at + arrive + (joint.length - m.point) // 2
            for number in range(1, lanes + 1):
                lane(placer, x, s, x + inner + m.lane * number, center, joint.right)

    solid = not item.split and not full
    return Block(left, inner + m.lane * lanes, length, draw, solid)


def _centers(lefts: Sequence[int], rights: Sequence[int], gap: int) -> list[int]:
    """Where branches stand, so that the trunk is in the middle of the first and the last."""
    places: list[int] = []
    at = 0
    for left, right in zip(lefts, rights, strict=True):
        places.append(at + left)
        at += left + right + gap
    middle = (places[0] + places[-1]) // 2
    return [place - middle for place in places]
