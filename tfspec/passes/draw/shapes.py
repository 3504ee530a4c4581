"""A laid-out figure as plain data: rectangles, signs, lines and words at their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tfspec.graph.look import Form, Kind
from tfspec.graph.trace import Node

Point = tuple[int, int]
Place = tuple[float, float]
Line = Literal["trunk", "residual", "cross"]
SHARED = "shared"
"""What stands in a box in place of its share, where its weights count at another one."""
SHOWN = 0.0005
"""The least share that a box shows: less is 0.0% in words."""
Role = Literal["name", "label", "card", "count"]


@dataclass(frozen=True)
class Rect:
    """A rectangle; y grows downwards once the figure is turned, along the flow before."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def bottom(self) -> int:
        return self.y + self.h

    def holds(self, point: Point) -> bool:
        """Whether a point is one of its own: those at its right and its end are the next ones."""
        return self.x <= point[0] < self.right and self.y <= point[1] < self.bottom


@dataclass(frozen=True)
class BoxShape:
    """A step. `knobs` are lines below its title; `share` is its part of the cost, and `shared` says
    that its weights count at another one."""

    rect: Rect
    title: str
    whole: str
    knobs: tuple[str, ...]
    kind: Kind
    form: Form
    block: bool = False
    share: float | None = None
    nodes: tuple[Node, ...] = ()
    shared: bool = False

    @property
    def said(self) -> str:
        """Its share in words, where a bar shows it."""
        return "" if self.share is None or self.form != "box" else f"{self.share:.1%}"


@dataclass(frozen=True)
class Bars:
    """How long a bar of all the cost is, the same in every box, and how wide the widest number."""

    track: int = 0
    number: int = 0


@dataclass(frozen=True)
class CardShape:
    """The frame around an open block, `depth` cards deep."""

    rect: Rect
    title: str
    count: int
    depth: int


@dataclass(frozen=True)
class Path:
    """A line through corners: the trunk, a residual, or one from another column."""

    points: tuple[Point, ...]
    line: Line
    arrow: bool = False
    tap: bool = False


@dataclass(frozen=True)
class Curve:
    """A line that bends: a start, then two controls and an end for each piece, then a tip."""

    points: tuple[Place, ...]
    line: Line


@dataclass(frozen=True)
class Text:
    """A word at a place: its middle, or its left end."""

    x: int
    y: int
    text: str
    role: Role
    anchor: Literal["middle", "start", "end"] = "middle"


@dataclass
class Layout:
    """Everything at its place, and how large the page is."""

    width: int = 0
    height: int = 0
    boxes: list[BoxShape] = field(default_factory=list[BoxShape])
    cards: list[CardShape] = field(default_factory=list[CardShape])
    paths: list[Path] = field(default_factory=list[Path])
    texts: list[Text] = field(default_factory=list[Text])
    curves: list[Curve] = field(default_factory=list[Curve])
    bars: Bars = field(default_factory=Bars)
