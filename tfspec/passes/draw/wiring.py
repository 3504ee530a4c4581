"""A figure as boxes and the edges between them: what DOT, Mermaid and networkx take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.parts import Box, Card, End, Fan, Figure, Jump, Series, Start, label_of
from tfspec.passes.draw.shapes import Line

Stop = Box | Start | End
"""Where an edge may begin or end."""


@dataclass(frozen=True)
class Edge:
    """From one box to another; `label` is the shape of what flows, where that is a new one.

    What `returns` is drawn at another step of the same column, and read here again.
    """

    source: Stop
    target: Stop
    label: str
    line: Line
    returns: bool = False


@dataclass
class Wiring:
    """The boxes in order of execution, their edges, and the cards with what is in them."""

    stops: list[Stop] = field(default_factory=list[Stop])
    edges: list[Edge] = field(default_factory=list[Edge])
    cards: dict[Stop, tuple[Card, ...]] = field(default_factory=dict[Stop, tuple[Card, ...]])


def wiring(figure: Figure) -> Wiring:
    walk = _Walk()
    for column in figure.columns:
        walk.column = column
        walk.series(column, [])
    walk.cross()
    return walk.out


class _Walk:
    def __init__(self) -> None:
        self.out = Wiring()
        self.open: list[Card] = []
        self.column = Series()
        self.homes: dict[Stop, Series] = {}
        self.makers: dict[Tensor, Stop] = {}
        self.waiting: list[tuple[Tensor, Stop]] = []

    def series(self, series: Series, before: Sequence[Stop], line: Line = "trunk") -> list[Stop]:
        """Steps behind these; what the last of them are."""
        last: list[Stop] = list(before)
        for item in series.items:
            match item:
                case Jump():
                    pending: list[Stop] = [_Pending(item.source)]
                    last = pending
                case Card():
                    last = self._card(item, last)
                case Fan():
                    last = self._fan(item, last)
                case _:
                    last = [self._stop(item, last, line)]
            line = "trunk"
        return last

    def _card(self, card: Card, before: Sequence[Stop]) -> list[Stop]:
        self._made(card.entry, before)
        self.open.append(card)
        last = self.series(card.body, before)
        self.open.pop()
        self._made(card.made, last)
        return last

    def _fan(self, fan: Fan, before: Sequence[Stop]) -> list[Stop]:
        lasts = [
            self.series(each, before if fan.split and not each.begins_elsewhere else ())
            for each in fan.branches
        ]
        if isinstance(fan.join, Card):
            return self._card(fan.join, lasts[0])
        if fan.join is None:
            return [stop for last in lasts for stop in last]
        stop = self._stop(fan.join, [], "trunk")
        added = fan.join.form == "sign"
        for branch, last in zip(fan.branches, lasts, strict=True):
            for source in last:
                self._edge(source, stop, "residual" if added and not branch.items else "trunk")
        return [stop]

    def _stop(self, stop: Stop, before: Sequence[Stop], line: Line) -> Stop:
        self.out.stops.append(stop)
        self.out.cards[stop] = tuple(self.open)
        self.homes[stop] = self.column
        for source in before:
            self._edge(source, stop, line)
        if not isinstance(stop, End):
            self._made(stop.made, [stop])
        if isinstance(stop, Box):
            self.waiting += [(tensor, stop) for tensor in (*stop.reads, *stop.across)]
        return stop

    def _made(self, tensor: Tensor, by: Sequence[Stop]) -> None:
        if by:
            self.makers.setdefault(tensor, by[0])

    def _maker(self, tensor: Tensor) -> Stop | None:
        """What makes a value, if that is known yet; a card may be given one that is elsewhere."""
        found = self.makers.get(tensor)
        return self._maker(found.source) if isinstance(found, _Pending) else found

    def _edge(self, source: Stop, target: Stop, line: Line) -> None:
        """An edge now, or when all columns are known: from another column it is a cross edge."""
        maker = self._maker(source.source) if isinstance(source, _Pending) else source
        if maker is None or self.homes[maker] is not self.column:
            assert isinstance(source, _Pending)
            self.waiting.append((source.source, target))
            return
        label = "" if line == "residual" else label_of(maker)
        self.out.edges.append(Edge(maker, target, label, line, maker is not source))

    def cross(self) -> None:
        """Edges from where values are made to the boxes that read them elsewhere: in another
        column, or in the other one of a layer of two."""
        for tensor, target in self.waiting:
            source = self._maker(tensor)
            assert source is not None, "every value that a figure shows is made in it"
            near = self.homes[source] is self.homes[target]
            returns = near and not (isinstance(target, Box) and tensor in target.across)
            line: Line = "trunk" if returns else "cross"
            self.out.edges.append(Edge(source, target, label_of(source), line, returns))


class _Pending(End):
    """The place of a value that is made elsewhere."""

    def __init__(self, source: Tensor) -> None:
        super().__init__("")
        self.source = source
