"""Where everything stands: trunks straight, residuals in lanes beside them, cards around blocks.

Lengths along the flow grow from the inputs; `place` turns the figure at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.lines import wrapped
from tfspec.passes.draw.measure import Measure
from tfspec.passes.draw.parts import (
    Box,
    Card,
    End,
    Fan,
    Item,
    Jump,
    Series,
    Start,
    label_of,
    made_by,
)
from tfspec.passes.draw.shapes import (
    SHARED,
    SHOWN,
    BoxShape,
    CardShape,
    Layout,
    Line,
    Path,
    Point,
    Rect,
    Text,
)
from tfspec.passes.draw.titles import repeated

Shares = Mapping[Box, float]
Lines = tuple[str, tuple[str, ...], int]


@dataclass(frozen=True)
class Block:
    """A thing of known size: how far it reaches left and right of its trunk, and how long it is.

    `draw(x, s)` puts it down with its trunk at x and its beginning at s. `solid` says that what
    leads to it ends there, with an arrow.
    """

    left: int
    right: int
    length: int
    draw: Callable[[int, int], None]
    solid: bool = True


@dataclass(frozen=True)
class Target:
    """A place that a cross edge leads to; from below a box it `rises` so far to its foot."""

    source: Tensor
    x: int
    s: int
    line: Line = "cross"
    arrow: bool = True
    rises: int = 0

    @property
    def sideways(self) -> bool:
        """Whether a line comes to it at the side of a box."""
        return self.arrow and not self.rises


@dataclass(frozen=True)
class Across:
    """A box that reads the column beside its own, where it stands, and how long it is."""

    sources: tuple[Tensor, ...]
    left: int
    right: int
    s: int
    length: int


@dataclass
class Placer:
    """Makes blocks of items; what they draw is collected in `out`.

    `shared` are boxes whose weights count at others. `tapped` are values that other columns read.
    `mirrored`: residuals and shapes are at the left of trunks, for at the right there is another
    column.
    """

    m: Measure
    shares: Shares = field(default_factory=dict[Box, float])
    out: Layout = field(default_factory=Layout)
    ends: dict[Tensor, Point] = field(default_factory=dict[Tensor, Point])
    targets: list[Target] = field(default_factory=list[Target])
    across: list[Across] = field(default_factory=list[Across])
    shared: Collection[Box] = ()
    tapped: Collection[Tensor] = ()
    depth: int = 0
    mirrored: bool = False
    _known: dict[tuple[Box, int], Lines] = field(default_factory=dict[tuple[Box, int], Lines])
    _widths: dict[Series, int] = field(default_factory=dict[Series, int])

    @contextmanager
    def turned(self, now: bool) -> Generator[None]:
        """Work on what is mirrored, and go back."""
        before, self.mirrored = self.mirrored, now or self.mirrored
        yield
        self.mirrored = before

    # ---- series
    def label(self, item: Item | Series) -> str:
        """The shape on the edge that leaves an item, where there is room for shapes."""
        if not self.m.shapes:
            return ""
        return item.label if isinstance(item, Series) else label_of(item)

    def series(self, series: Series, half: int) -> Block:
        """Items in a row along the trunk, an edge between each two."""
        m = self.m
        blocks = [self.item(item, half) for item in series.items]
        lifts = [self._lift(*each) for each in zip(series.items, blocks[1:], strict=False)]
        gaps = [
            m.gap_for(self.label(item)) + lift
            for item, lift in zip(series.items, lifts, strict=False)
        ]
        labels = [self.beside(self.label(item)) for item in series.items[:-1]]
        left = max([block.left for block in blocks] + [each for each, _ in labels], default=0)
        right = max([block.right for block in blocks] + [each for _, each in labels], default=0)

        def draw(x: int, s: int) -> None:
            for at, (item, block) in enumerate(zip(series.items, blocks, strict=True)):
                block.draw(x, s)
                s += block.length
                made = made_by(item)
                if made is not None:
                    self.ends.setdefault(made, (x, s))
                if at < len(gaps):
                    self.leave(item, x, s, s + gaps[at], blocks[at + 1].solid)
                    self.shape(x, s + lifts[at], s + gaps[at], self.label(item))
                    s += gaps[at]

        length = sum(block.length for block in blocks) + sum(gaps)
        solid = blocks[0].solid if blocks else False
        return Block(left, right, length, draw, solid)

    def _lift(self, item: Item, following: Block) -> int:
        """What an edge to elsewhere needs before a shape, or before the head of an arrow."""
        if made_by(item) not in self.tapped:
            return 0
        if self.label(item):
            return self.m.lift
        return max(0, self.m.forked - self.m.gap) if following.solid else 0

    def leave(self, item: Item, x: int, start: int, end: int, arrow: bool) -> None:
        """The edge that leaves an item just drawn; behind a jump the line to it goes on."""
        if isinstance(item, Jump) and not item.goes_on:
            self.targets[-1] = replace(self.targets[-1], arrow=arrow, rises=end - start)
        else:
            self.edge(x, start, end, arrow)

    def edge(self, x: int, start: int, end: int, arrow: bool, label: str = "") -> None:
        """A piece of the trunk, and beside it the shape of what flows there."""
        self.line([(x, start), (x, end - self.m.point)], arrow)
        self.shape(x, start, end, label)

    def shape(self, x: int, start: int, end: int, label: str) -> None:
        """A shape's label, halfway beside the trunk; none where there is nothing to say."""
        if label:
            y = (start + end - self.m.point) // 2
            left, _ = self.beside(label)
            x += self.m.point - left if self.mirrored else self.m.beside
            self.out.texts.append(Text(x, y, label, "label", "start"))

    def beside(self, label: str) -> tuple[int, int]:
        """How far a label reaches to the left and the right of the trunk."""
        width = self.m.beside + self.m.width(label, "label") if label else 0
        return (width, 0) if self.mirrored else (0, width)

    def line(self, points: Sequence[Point], arrow: bool = False) -> None:
        self.out.paths.append(Path(tuple(points), "trunk", arrow))

    def item(self, item: Item, half: int) -> Block:
        match item:
            case Box():
                return self.box(item, half)
            case Start() | End():
                return self._name(item.text)
            case Jump():
                return self._jump(item)
            case Card():
                return self._card(item, half)
            case Fan():
                from tfspec.passes.draw.fans import fan

                return fan(self, item, half)

    # ---- boxes and names
    def natural(self, series: Series) -> int:
        """Half the width that the boxes along a trunk need to be equally wide."""
        if series not in self._widths:
            deep = any(isinstance(item, Card) for item in series.items)
            least = self.m.half(self.m.trunk if deep else self.m.narrowest)
            self._widths[series] = max([least, *map(self.natural_of, series.items)])
        return self._widths[series]

    def natural_of(self, item: Item) -> int:
        if isinstance(item, Box) and item.form == "box":
            return self.m.half(max(self._lines(item)[2], self.m.narrowest))
        if isinstance(item, Card):
            return self.natural(item.body)
        if not isinstance(item, Fan):
            return 0
        full = [branch for branch in item.branches if branch.items]
        if isinstance(item.join, Card):
            return max(self.natural(item.branches[0]), self.natural(item.join.body))
        if len(full) > 1:
            return 0
        return max([self.natural_of(item.join) if item.join else 0, *map(self.natural, full)])

    def _lines(self, box: Box, room: int = 0) -> Lines:
        """A box's title, its knobs in lines, and how wide it must be; `room` it has anyway."""
        key = box, room
        if key not in self._known:
            self._known[key] = self._broken(box, room)
        return self._known[key]

    def _broken(self, box: Box, room: int) -> Lines:
        m = self.m
        most = m.most - 2 * m.pad
        title = m.cut(repeated(box.title, box.count), "title", most)
        knobs = wrapped(
            m, box.knobs, max(m.line, room, min(most, m.width(title, "title"))), box.block
        )
        costs = self._share(box) is not None
        if m.point and costs:
            knobs = (*knobs, f"{self.shares[box]:.1%}")
        if m.point and box in self.shared:
            knobs = (*knobs, SHARED)
        widths = [m.width(title, "title"), *(m.width(line, "knob") for line in knobs)]
        widths += [m.barred] if costs else []
        return title, knobs, max(widths) + 2 * m.pad + 2 * m.inset * box.block

    def _share(self, box: Box) -> float | None:
        share = self.shares.get(box)
        return share if share is not None and share >= SHOWN else None

    def box(self, box: Box, half: int) -> Block:
        if box.form == "sign":
            return self._sign(box)
        m = self.m
        title, knobs, width = self._lines(box, 2 * half - 2 * m.pad)
        share = self._share(box)
        if box.form == "chip":
            half, length, knobs = m.half(width - (m.pad if not m.point else 0)), m.chip, ()
        else:
            costs = share is not None or box in self.shared
            length = m.title + m.knob * len(knobs) + (m.share if costs else 0)
        whole = ", ".join((repeated(box.title, box.count), *box.knobs))

        def draw(x: int, s: int) -> None:
            rect = Rect(x - half, s, 2 * half + m.point, length)
            self.out.boxes.append(
                BoxShape(
                    rect,
                    title,
                    whole,
                    knobs,
                    box.kind,
                    box.form,
                    box.block,
                    share,
                    box.nodes,
                    box in self.shared,
                )
            )
            self.reached(box, x - half, s + length // 2)
            if box.across:
                self.across.append(Across(box.across, rect.x, rect.right, s, length))

        return Block(half, half, length, draw)

    def _sign(self, box: Box) -> Block:
        m = self.m

        def draw(x: int, s: int) -> None:
            rect = Rect(x - m.sign, s, 2 * m.sign + m.point, 2 * m.sign + m.point)
            shape = BoxShape(rect, box.title, box.title, (), box.kind, "sign", nodes=box.nodes)
            self.out.boxes.append(shape)
            self.reached(box, x - m.sign, s + m.sign)

        return Block(m.sign, m.sign, 2 * m.sign + m.point, draw)

    def reached(self, box: Box, x: int, s: int) -> None:
        """Edges from elsewhere end at a box's left side."""
        self.targets += [Target(tensor, x, s) for tensor in box.reads]

    def _name(self, text: str) -> Block:
        shown = self.m.cut(text, "name", self.m.most)
        half = self.m.half(self.m.width(shown, "name") + 1)

        def draw(x: int, s: int) -> None:
            y = s + (self.m.name - self.m.point) // 2
            self.out.texts.append(Text(x, y, shown, "name"))

        return Block(half, half, self.m.name, draw)

    def _jump(self, jump: Jump) -> Block:
        length = self.m.name + self.m.tap

        def draw(x: int, s: int) -> None:
            s += length - self.m.point
            self.targets.append(
                Target(jump.source, x, s, "trunk" if jump.goes_on else "cross", arrow=False)
            )

        return Block(0, 0, length, draw, solid=False)

    # ---- cards
    def _card(self, card: Card, half: int) -> Block:
        m = self.m
        self.depth += 1
        depth, body = self.depth, self.series(card.body, half)
        self.depth -= 1
        label = self.label(card.body)
        entry = m.point + m.gap
        leave = m.gap_for(label) + m.point
        before, behind = (0, m.header) if m.up else (m.header, 0)
        length = before + entry + body.length + leave + behind
        count = f"× {card.count}" if card.count > 1 else ""
        words = m.cut(card.title, "card", 2 * m.most // 3)
        beside = m.frame + m.beside
        of_label = self.beside(label)
        left = max(
            body.left + m.frame,
            m.width(words, "card") + beside if words else 0,
            of_label[0] + m.frame,
        )
        right = max(
            body.right + m.frame,
            m.width(count, "count") + beside if count else 0,
            of_label[1] + m.frame,
        )

        def draw(x: int, s: int) -> None:
            rect = Rect(x - left, s, left + right + m.point, length)
            self.out.cards.append(CardShape(rect, words, card.count, depth))
            goes_on, inner = not card.body.begins_elsewhere, s + before + entry
            self.ends.setdefault(card.entry, (x, s + before * goes_on))
            if goes_on:
                self.edge(x, s, inner, body.solid)
            body.draw(x, inner)
            end = inner + body.length
            self.edge(x, end, s + length, False)
            self.shape(x, end, end + m.gap_for(label), label)

        return Block(left, right, length, draw, solid=False)
