"""A card of several operands: one enters it along the trunk, the others end beside that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.passes.draw.parts import Card, Fan

if TYPE_CHECKING:
    from tfspec.passes.draw.layout import Block, Placer


def beside(placer: Placer, item: Fan, card: Card, half: int) -> Block:
    """The trunk goes straight into the card. At its left, where lines to what is in the card come
    from, stand the other operands, and begin where the first does."""
    from tfspec.passes.draw.layout import Block

    side = _Beside(placer, item, card, half)
    left, right = side.reach
    solid = side.main.solid and not side.entry
    return Block(left, right, side.length, side.draw, solid)


class _Beside:
    """Lengths along the flow: `entry` to where the operands begin, `arrive` to the card."""

    def __init__(self, placer: Placer, item: Fan, card: Card, half: int) -> None:
        m = placer.m
        self.placer = placer
        self.first, *self.others = item.branches
        self.main, self.card = placer.series(self.first, half), placer.item(card, half)
        self.bodies = [placer.series(each, placer.natural(each)) for each in self.others]
        self.parting = [item.split and not each.begins_elsewhere for each in self.others]
        self.entry = m.point + m.gap if any(self.parting) else 0
        longest = max(body.length for body in (self.main, *self.bodies))
        labels = "".join(map(placer.label, item.branches))
        self.arrive = self.entry + longest + m.gap_for(labels)
        self.centers = self._centers()

    def _centers(self) -> list[int]:
        """Where the others stand, the next to the trunk last."""
        placer, found = self.placer, list[int]()
        before, label = placer.beside(placer.label(self.first))
        edge = -max(self.main.left, before)
        for branch, body in zip(self.others[::-1], self.bodies[::-1], strict=True):
            before, behind = placer.beside(placer.label(branch))
            center = edge - placer.m.branch - max(body.right, behind) - placer.m.point
            edge = center - max(body.left, before)
            found.insert(0, center)
        self.reach = max(-edge, self.card.left), max(self.main.right, self.card.right, label)
        return found

    @property
    def length(self) -> int:
        return self.arrive + self.card.length

    def draw(self, x: int, s: int) -> None:
        placer, begin, end = self.placer, s + self.entry, s + self.arrive
        point = placer.m.point
        if self.entry:
            start = s if self.first.begins_elsewhere else begin - point
            placer.line([(x, s - point), (x, start)], self.main.solid)
        self.main.draw(x, begin)
        self._enter(x, begin + self.main.length, end)
        for at, (branch, body) in enumerate(zip(self.others, self.bodies, strict=True)):
            center = x + self.centers[at]
            if self.parting[at]:  # the farthest by the bus, others straight from it
                bus = [(x, s)] if True not in self.parting[:at] else []
                placer.line([*bus, (center, s), (center, begin - point)], body.solid)
            body.draw(center, begin)
            top = begin + body.length
            label = placer.label(branch)
            placer.shape(center, top, top + placer.m.gap_for(label), label)
        self.card.draw(x, end)

    def _enter(self, x: int, start: int, end: int) -> None:
        """From the first operand into the card, or from the trunk where that is what enters."""
        placer, label = self.placer, self.placer.label(self.first)
        if self.first.items:
            placer.leave(self.first.items[-1], x, start, end, self.card.solid)
        else:
            placer.edge(x, start, end, self.card.solid)
        placer.shape(x, start, start + placer.m.gap_for(label), label)
