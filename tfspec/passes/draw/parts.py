"""What a figure is made of, before it has any size: boxes in series, side by side, and in cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tfspec.graph.look import Form, Kind
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node
from tfspec.symbolic import Dim


@dataclass(eq=False)
class Box:
    """A step, or a module or block that is drawn closed.

    `nodes` are the primitive steps that it stands for; `reads` are values that come from elsewhere
    than from the box below, and `across` those of the column beside it in a layer of two; `alone`
    is what no box is below; `label` is the shape of what it makes, where that is a new one.
    """

    title: str
    kind: Kind
    form: Form
    knobs: tuple[str, ...]
    made: Tensor
    nodes: tuple[Node, ...] = ()
    reads: tuple[Tensor, ...] = ()
    label: str = ""
    count: int = 1
    block: bool = False
    across: tuple[Tensor, ...] = ()
    alone: bool = False


@dataclass(eq=False)
class Start:
    """An input of the model, by name, and its shape."""

    text: str
    label: str
    made: Tensor


@dataclass(eq=False)
class End:
    """An output of the model, by name."""

    text: str


@dataclass(eq=False)
class Jump:
    """A series begins with a value that is made somewhere else in the figure.

    `goes_on`: it is the rest of the column before, which is too long for a page.
    """

    source: Tensor
    label: str = ""
    goes_on: bool = False


@dataclass(eq=False)
class Fan:
    """Branches side by side. An empty one passes the value on: a residual.

    They begin at one value where `split`, else each with its own. They end in `join`; without one
    each in an output, or where they `meet` all in the sum that follows. Two that read each other
    are `columns`, with room for lines between them. Where `join` is a card, what the first makes
    enters it, and steps in it read what the others make.
    """

    branches: tuple[Series, ...]
    join: Box | Card | None
    split: bool
    meet: bool = False
    columns: bool = False


@dataclass(eq=False)
class Card:
    """A block or a module drawn open, that runs `count` times; `entry` is what it is given.

    `closed` is what it is where it can be folded.
    """

    title: str
    count: int
    body: Series
    entry: Tensor
    made: Tensor
    label: str = ""
    closed: Box | None = None


Item = Box | Start | End | Jump | Fan | Card


@dataclass(eq=False)
class Series:
    """Steps in the order in which they run."""

    items: Sequence[Item] = ()

    @property
    def label(self) -> str:
        """The shape of what the last step makes, where it is a new one."""
        return label_of(self.items[-1]) if self.items else ""

    @property
    def begins_elsewhere(self) -> bool:
        """Whether nothing in it goes on from what stands before it."""
        match self.items[:1]:
            case [Jump()] | [Box(alone=True)]:
                return True
            case [Card(body=body)]:
                return body.begins_elsewhere
            case [Fan(branches=branches, split=split)]:
                return not split or all(branch.begins_elsewhere for branch in branches)
            case _:
                return False

    @cached_property
    def every(self) -> tuple[Item, ...]:
        """Each item, then what is in it, then where its branches meet; walked once, as a figure is
        laid out several times before one fits."""
        found: list[Item] = []
        for item in self.items:
            found.append(item)
            for inner in _inside(item):
                found += inner.every
            if isinstance(item, Fan) and item.join is not None:
                found += Series((item.join,)).every
        return tuple(found)


@dataclass(eq=False)
class Figure:
    """Columns from left to right, and what of the model they do not show.

    Of a `part` of the model, a block or a module, the parameters are those of one; the model has
    `count` such.
    """

    name: str
    columns: list[Series] = field(default_factory=list[Series])
    unseen: tuple[Tensor, ...] = ()
    params: Dim = field(default_factory=lambda: Dim.of(0))
    part: Literal["", "block", "module"] = ""
    count: int = 1

    def boxes(self) -> Iterator[Box]:
        """Every box, joins too."""
        return (box for column in self.columns for box in boxes(column))

    @property
    def ordered(self) -> bool:
        """Whether branches part and meet, and read nothing of each other: no line has to cross."""
        joined = any(True for column in self.columns for _ in jumps(column))
        return not joined and not any(box.reads for box in self.boxes())

    def cards(self) -> Iterator[Card]:
        return (card for column in self.columns for card in _cards(column))


def label_of(item: Item) -> str:
    """The shape on the edge that leaves an item."""
    if isinstance(item, Fan):
        return item.join.label if item.join is not None else ""
    return "" if isinstance(item, End) else item.label


def made_by(item: Item) -> Tensor | None:
    """The value at an item's end."""
    if isinstance(item, Fan):
        return item.join.made if item.join is not None else None
    return None if isinstance(item, (End, Jump)) else item.made


def boxes(series: Series) -> Iterator[Box]:
    return (item for item in series.every if isinstance(item, Box))


def _cards(series: Series) -> Iterator[Card]:
    return (item for item in series.every if isinstance(item, Card))


def jumps(series: Series) -> Iterator[Jump]:
    return (item for item in series.every if isinstance(item, Jump))


def _inside(item: Item) -> tuple[Series, ...]:
    if isinstance(item, Fan):
        return item.branches
    return (item.body,) if isinstance(item, Card) else ()
