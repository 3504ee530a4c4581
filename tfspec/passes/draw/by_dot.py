"""The graph of a block's ops, at the places that Graphviz gives its boxes, in our own drawing.

`dot` is told how large each box is, so that its answer depends on no font. A box stands with the
shape of what it makes below it, as one node: lines that part behind it share one label.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, hypot
from typing import TYPE_CHECKING, Any

from tfspec.passes.draw.connected import connected, names
from tfspec.passes.draw.curves import before_tip, crossings
from tfspec.passes.draw.dot import nested
from tfspec.passes.draw.graphviz import run_dot
from tfspec.passes.draw.layout import Block, Placer, Shares
from tfspec.passes.draw.measure import Measure
from tfspec.passes.draw.parts import Box, Card, Figure
from tfspec.passes.draw.place import turned
from tfspec.passes.draw.shapes import CardShape, Curve, Layout, Place, Rect, Text
from tfspec.passes.draw.strokes import HEAD
from tfspec.passes.draw.wiring import Stop, wiring

if TYPE_CHECKING:
    import networkx as nx

_INCH = 72
_HEAD = (HEAD - 1) / 10
"""The size of an arrow for which `dot` ends a line where our heads begin: 1 is 10 points."""


@dataclass(frozen=True)
class _Node:
    """A box with its trunk in the middle, and along the flow behind it room for its label."""

    block: Block
    label: str
    name: str
    sign: bool
    right: int
    length: int

    @property
    def half(self) -> int:
        return self.block.left

    @property
    def round(self) -> bool:
        return self.sign and not self.label

    def asked(self, joined: int) -> str:
        """The node for `dot`: cells of fixed sizes, where so many lines come in and one leaves."""
        if self.round:
            return f"{self.name} [shape=circle, width={2 * self.half / _INCH:.4f}];"
        wide, count, spare = 2 * self.half, max(1, joined), self.right - self.half
        edges = [round(at * wide / count) for at in range(count + 1)]
        tops = [
            _cell(f"i{at}", b - a, self.length - 1) for at, (a, b) in enumerate(pairwise(edges))
        ]
        bottoms = [_cell("o", wide, 1, count)]
        if spare:
            tops.append(_cell("", spare, self.length - 1))
            bottoms.append(_cell("", spare, 1))
        return f"{self.name} [shape=plain, label={_table(*map(''.join, (tops, bottoms)))}];"

    def trunk(self, center: float) -> int:
        """Where the trunk is, the middle of the cells being known."""
        return round(center - (0 if self.round else (self.right - self.half) / 2))


def _table(*rows: str) -> str:
    """An HTML label of `dot`, which takes up as much as its cells."""
    plain = 'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'
    return f"<<TABLE {plain}>{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE>>"


def _cell(port: str, width: int, height: int, across: int = 1) -> str:
    return (
        f'<TD PORT="{port}" COLSPAN="{across}" FIXEDSIZE="TRUE" WIDTH="{width}" '
        f'HEIGHT="{height}"></TD>'
    )


def place_by_dot(
    figure: Figure, m: Measure, shares: Shares, shared: Collection[Box] = ()
) -> Layout:
    """The layout of a figure as `place` makes it, its rows and columns found by Graphviz.

    Of its answers to several questions the first in which the fewest lines cross: it finds no best
    one itself. Raises GraphvizError where the program `dot` is missing.
    """
    found: list[tuple[int, Layout]] = []
    for layout in _answers(lambda way: _Placed(figure, m, shares, shared, way)):
        found.append((crossings(layout.curves), layout))
        if not found[-1][0]:
            break
    return min(found, key=lambda each: each[0])[1]


Arrivals = dict[tuple[str, str], float]
"""Where on its side each line comes to a box."""


@dataclass(frozen=True)
class _Way:
    """How `dot` is asked: whether what a box leads to stands in the order in which it is told, and
    lines end at a box in the order of its operands, or as they arrived in an answer before."""

    told: bool = False
    arrived: Arrivals | None = None


def _answers(asked: Callable[[_Way], _Placed]) -> Iterator[Layout]:
    """First with operands in their order, then as lines come."""
    before: list[_Placed] = []
    for told in (False, True):
        before.append(asked(_Way(told)))
        yield before[-1].layout()
    for each in before:
        yield asked(_Way(each.way.told, each.arrived)).layout()


class _Placed:
    def __init__(
        self, figure: Figure, m: Measure, shares: Shares, shared: Collection[Box] = (),
        way: _Way | None = None,
    ) -> None:  # fmt: skip
        self.way = way or _Way()
        self.arrived: Arrivals = {}
        self.m, self.placer = m, Placer(m, shares, shared=shared)
        self.found = wiring(figure)
        self.net: nx.DiGraph[str] = connected(figure)
        self.names = names(self.found.stops)
        self.nodes = {self.names[s]: self._node(s, at) for at, s in enumerate(self.found.stops)}
        self.cards: list[tuple[Card, int]] = []
        self.begins: dict[str, Place] = {}
        self.ends: dict[str, Place] = {}

    def _node(self, stop: Stop, number: int) -> _Node:
        placer, label = self.placer, self.placer.label(stop)
        least = placer.natural_of(stop) if isinstance(stop, Box) else 0
        block = placer.item(stop, least)
        sign = isinstance(stop, Box) and stop.form == "sign"
        right = max(block.right, placer.beside(label)[1])
        length = block.length + (self.m.labelled if label else 0)
        return _Node(block, label, f"n{number}", sign, right, length)

    # ---- what dot is asked
    def question(self) -> str:
        """The graph for `dot`: sizes in place of words. It flows down; we turn it."""
        lines = [
            "digraph {",
            f"  nodesep={self.m.branch / _INCH}; ranksep={1.3 * self.m.gap / _INCH};",
            "  ordering=out;" if self.way.told else "",
            '  node [label=""];',
            f"  edge [arrowsize={_HEAD}];",
            *nested(self.found, self._asked, self._cluster),
            *(self._edge(source, target) for source, target in self.net.edges),
        ]
        return "\n".join([*lines, "}"])

    def _asked(self, stop: Stop) -> str:
        name = self.names[stop]
        return self.nodes[name].asked(self.net.in_degree(name))

    def _edge(self, source: str, target: str) -> str:
        """Lines meet in a box each at a place of its own, in the order of its operands, and one
        from elsewhere where it comes; or all of them in the order in which they come."""
        tail, head = self.nodes[source], self.nodes[target]
        before, arrived = list(self.net.predecessors(target)), self.way.arrived
        more = self._leaving(source)
        edge = self.net.edges[source, target]
        free = edge["line"] == "cross" or edge["returns"]
        if arrived is not None:
            before.sort(key=lambda each: arrived[each, target])
        if not (head.round or (free and arrived is None)):
            more += f'headport="i{before.index(source)}:n", '
        elif len(before) == 1:
            more += "headport=n, "
        alone = len(before) == 1 or self.net.out_degree(source) == 1
        return f"  {tail.name} -> {head.name} [{more}weight={8 if alone else 2}];"

    def _cluster(self, card: Card, number: int) -> tuple[str, str]:
        """The frame of a card, with room for its title on either side of the line that leaves."""
        self.cards.append((card, number))
        m = self.m
        title = _table(_cell("", 2 * (m.width(card.title, "card") + m.frame), m.header))
        style = f"label={title}; labelloc=b; margin={m.frame};"
        return f"subgraph cluster_{number} {{ {style}", "}"

    # ---- what it answers
    def layout(self) -> Layout:
        answer = run_dot(self.question())
        self.height = float(answer["bb"].split(",")[3])
        objects: list[dict[str, Any]] = answer.get("objects", [])
        places = {each["name"]: each for each in objects}
        for name, node in self.nodes.items():
            self.begins[name], self.ends[name] = self._draw(node, places[node.name]["pos"])
        by_number = {node.name: name for name, node in self.nodes.items()}
        for edge in answer.get("edges", []):
            tail, head = (by_number[objects[edge[end]]["name"]] for end in ("tail", "head"))
            self._line(tail, head, edge["pos"])
        for depth, card, number in self._depths():
            self._card(card, places[f"cluster_{number}"]["bb"], depth)
        return turned(self.placer.out, self.m)

    def _depths(self) -> Iterator[tuple[int, Card, int]]:
        depths = {card: at for of in self.found.cards.values() for at, card in enumerate(of, 1)}
        yield from ((depths[card], card, number) for card, number in self.cards)

    def _place(self, pair: str) -> Place:
        """A point of `dot`, whose y grows upwards, along the flow."""
        x, y = map(float, pair.split(","))
        return x, self.height - y

    def _card(self, card: Card, bb: str, depth: int) -> None:
        left, bottom, right, top = map(float, bb.split(","))
        rect = Rect(round(left), round(self.height - top), round(right - left), round(top - bottom))
        self.placer.out.cards.append(CardShape(rect, "", card.count, depth))
        self._title(card.title, rect)

    def _title(self, title: str, rect: Rect) -> None:
        """A card's title at its end, where no line passes: where it is cut, all of them do."""
        m = self.m
        curves = (curve.points for curve in self.placer.out.curves)
        passing = (
            span
            for points in curves
            for span in _passing(points, rect.bottom - m.header, rect.bottom)
        )
        spans = _free(rect.x + m.frame, rect.right - m.frame, sorted(passing), m.beside)
        wide = m.width(title, "card")
        left, right = next(
            (s for s in spans if s[1] - s[0] >= wide), max(spans, key=lambda s: s[1] - s[0])
        )
        shown = m.cut(title, "card", floor(right - left))
        where = Text(ceil(left), rect.bottom - m.header // 2 - 1, shown, "card", "start")
        self.placer.out.texts.append(where)

    def _draw(self, node: _Node, pos: str) -> tuple[Place, Place]:
        """A box and its label: where they begin and end."""
        center, middle = self._place(pos)
        x, start = node.trunk(center), round(middle - node.length / 2)
        node.block.draw(x, start)
        end, whole = start + node.block.length, start + node.length
        if node.label:
            self.placer.edge(x, end, whole, False, node.label)
        return (x, start), (x, whole)

    def _leaves_below(self, name: str) -> bool:
        """Whether all lines from a box leave in its middle: there is one, or a label is there."""
        node = self.nodes[name]
        return not node.round and (bool(node.label) or self.net.out_degree(name) == 1)

    def _leaving(self, name: str) -> str:
        """Where lines begin. From a circle's side they would run along it: they leave behind it."""
        if self.nodes[name].round:
            return "tailport=s, "
        return 'tailport="o:s", ' if self._leaves_below(name) else ""

    def _line(self, source: str, target: str, pos: str) -> None:
        """`dot` may begin a line a point too far from its box, and ends it beside a label."""
        tip, start, *way = pos.split()
        first = self.ends[source] if self._leaves_below(source) else self._place(start)
        points = [first, *map(self._place, way), self._place(tip.removeprefix("e,"))]
        points[-2:] = self._reaching(target, *points[-2:])
        line = self.net.edges[source, target]["line"]
        curve = Curve(_straight(points), line)
        self.arrived[source, target] = before_tip(curve, self.m.gap)
        self.placer.out.curves.append(curve)

    def _reaching(self, target: str, bend: Place, tip: Place) -> tuple[Place, Place]:
        """The end of a line, moved to the border of its box where a label keeps it away."""
        block, (x, start) = self.nodes[target].block, self.begins[target]
        at = _within(tip[0], x - block.left, x + block.right)
        to = _within(tip[1], start, start + block.length)
        if self.nodes[target].sign:
            middle = start + block.length / 2
            share = block.left / max(block.left, hypot(tip[0] - x, tip[1] - middle))
            at, to = x + share * (tip[0] - x), middle + share * (tip[1] - middle)
        if hypot(at - tip[0], to - tip[1]) <= 1:
            return bend, tip
        return (bend[0] + at - tip[0], bend[1] + to - tip[1]), (at, to)


def _within(value: float, least: float, most: float) -> float:
    return max(least, min(most, value))


def _straight(points: Sequence[Place]) -> tuple[Place, ...]:
    """A line that is straight but for less than a point is straight."""
    xs = [x for x, _ in points]
    return tuple(points) if max(xs) - min(xs) > 1 else tuple((round(xs[0]), s) for _, s in points)


def _passing(points: Sequence[Place], start: float, end: float) -> Iterator[Place]:
    """From where to where the pieces of a curve reach across that come between two heights."""
    for at in range(0, len(points) - 2, 3):
        piece = points[at : at + 4]
        if min(s for _, s in piece) < end and max(s for _, s in piece) > start:
            yield min(x for x, _ in piece), max(x for x, _ in piece)


def _free(left: float, right: float, taken: Iterable[Place], air: float) -> list[Place]:
    """What is left between two sides, with some air around what is taken, in order."""
    found: list[Place] = []
    for start, end in taken:
        found.append((left, max(left, min(right, start - air))))
        left = max(left, end + air)
    return [*found, (left, max(left, right))]
