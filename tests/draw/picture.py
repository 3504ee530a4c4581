"""An SVG read back into rectangles, lines and words, and what may be wrong with where they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, pairwise
from xml.etree import ElementTree

from tfspec.passes.draw.font import text_width

SVG = "{http://www.w3.org/2000/svg}"
PAGE = (180 / 25.4 * 72, 240 / 25.4 * 72)
COLUMN = (85 / 25.4 * 72, PAGE[1])
AIR = 0.6
"""Half a line's width: lines that touch do not overlap."""
REACH = 8
"""How far a line may end from what it leads to: an arrow's head, and the air before a name."""
INK, SIGN = (0.74, 0.22), (0.58, -0.1)
"""How far letters reach above and below their line, in ems; and signs such as +."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Area:
    """A rectangle on the page."""

    left: float
    top: float
    right: float
    bottom: float

    def shrunk(self, by: float) -> Area:
        return Area(self.left + by, self.top + by, self.right - by, self.bottom - by)

    @property
    def sides(self) -> tuple[Area, ...]:
        """The four lines of its border."""
        left, top, right, bottom = self.left, self.top, self.right, self.bottom
        return (
            Area(left, top, right, top),
            Area(left, bottom, right, bottom),
            Area(left, top, left, bottom),
            Area(right, top, right, bottom),
        )

    def meets(self, other: Area) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Area) -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


@dataclass(frozen=True)
class Word:
    """A line of text. `box` is the box that it stands in."""

    text: str
    style: str
    area: Area
    size: float
    colour: str
    box: Area | None = None


@dataclass(frozen=True)
class Trace:
    """A line through its corners; rounded corners are taken as square, curves as many points."""

    kind: str
    points: tuple[Point, ...]
    bent: bool = False

    @cached_property
    def segments(self) -> tuple[Area, ...]:
        return tuple(
            Area(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
            for (x1, y1), (x2, y2) in pairwise(self.points)
        )

    @cached_property
    def straight(self) -> tuple[Area, ...]:
        """The segments along an axis: of a curve hardly any."""
        return tuple(s for s in self.segments if s.left == s.right or s.top == s.bottom)


@dataclass(frozen=True)
class Shape:
    kind: str
    area: Area
    fill: str


@dataclass
class Picture:
    """What is drawn, in the units of the drawing; `scale` makes points of them."""

    width: float
    height: float
    scale: float
    boxes: list[Shape] = field(default_factory=list)
    cards: list[Shape] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    lines: list[Trace] = field(default_factory=list)
    page: str = "#FFFFFF"

    def texts(self, style: str) -> list[str]:
        return [word.text for word in self.words if word.style == style]


def picture(svg: str) -> Picture:
    """A figure of ours, read from its XML alone."""
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert root.attrib["width"].endswith("pt")
    found = Picture(width, height, float(root.attrib["width"][:-2]) / width)
    assert abs(found.scale - float(root.attrib["height"][:-2]) / height) < 1e-3
    page = root.find(f"{SVG}rect")
    if page is not None:
        found.page = page.attrib["fill"]
    (group,) = root.findall(f"{SVG}g")
    move = re.fullmatch(r"translate\((\S+) (\S+)\)", group.attrib["transform"])
    assert move is not None
    dx, dy = float(move[1]), float(move[2])
    for element in group:
        _read(found, element, dx, dy)
    return found


def _read(found: Picture, element: ElementTree.Element, dx: float, dy: float) -> None:
    tag, kind = element.tag.removeprefix(SVG), element.attrib.get("class", "")
    if tag == "g":
        shape = next(each for each in element if each.tag in (f"{SVG}rect", f"{SVG}circle"))
        area = _area(shape, dx, dy)
        found.boxes.append(Shape(kind, area, shape.attrib["fill"]))
        for text in element.iter(f"{SVG}text"):
            found.words.append(_word(text, dx, dy, area))
    elif tag == "rect":
        found.cards.append(Shape(kind, _area(element, dx, dy), element.attrib["fill"]))
    elif tag == "text":
        found.words.append(_word(element, dx, dy, None))
    elif tag == "path" and kind != "head":
        way = element.attrib["d"]
        points = _bezier(way, dx, dy) if "C" in way else _points(way, dx, dy)
        found.lines.append(Trace(kind, points, bent="C" in way))


def _area(element: ElementTree.Element, dx: float, dy: float) -> Area:
    a = {name: float(v) for name, v in element.attrib.items() if name in _PLACES}
    if element.tag == f"{SVG}circle":
        x, y, r = a["cx"] + dx, a["cy"] + dy, a["r"]
        return Area(x - r, y - r, x + r, y + r)
    x, y = a["x"] + dx, a["y"] + dy
    return Area(x, y, x + a["width"], y + a["height"])


_PLACES = ("x", "y", "width", "height", "cx", "cy", "r")


def _word(element: ElementTree.Element, dx: float, dy: float, box: Area | None) -> Word:
    text, size = element.text or "", float(element.attrib["font-size"])
    x, y = float(element.attrib["x"]) + dx, float(element.attrib["y"]) + dy
    width = text_width(text, size, element.attrib.get("font-weight") == "bold")
    left = (
        x
        - {"start": 0, "middle": width / 2, "end": width}[
            element.attrib.get("text-anchor", "start")
        ]
    )
    style = element.attrib["class"]
    above, below = SIGN if style == "sign" else INK
    area = Area(left, y - above * size, left + width, y + below * size)
    return Word(text, style, area, size, element.attrib["fill"], box)


def _points(path: str, dx: float, dy: float) -> tuple[Point, ...]:
    """The corners: of `Q corner end` the corner, for the end lies on the way."""
    found: list[Point] = []
    for command, numbers in re.findall(r"([MLQ])([-0-9. ]+)", path):
        values = [float(each) for each in numbers.split()]
        found.append((values[0] + dx, values[1] + dy))
        if command == "Q":
            found.append((values[2] + dx, values[3] + dy))
    return tuple(found)


def _bezier(path: str, dx: float, dy: float) -> tuple[Point, ...]:
    """Points on the curves, closer to each other than a letter is wide."""
    numbers = [float(each) for each in re.findall(r"[-0-9.]+", path)]
    ends = [(x + dx, y + dy) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    found = [ends[0]]
    for at in range(0, len(ends) - 1, 3):
        found += [_on_curve(ends[at : at + 4], step / 32) for step in range(1, 33)]
    return tuple(found)


def _on_curve(four: Sequence[Point], t: float) -> Point:
    shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    x, y = (sum(s * p[axis] for s, p in zip(shares, four, strict=True)) for axis in (0, 1))
    return x, y


# ---- what may be wrong
def wrong(p: Picture, page: Point = PAGE, text: float = 7) -> list[str]:
    """Everything that a reader would stumble over, where it is to fit so large a page."""
    seen = (_overlaps, _crossings, _overflows, _crooked, _loose)
    return [*_off_page(p, page, text), *(said for each in seen for said in each(p))]


def _off_page(p: Picture, page: Point, text: float) -> Iterator[str]:
    for side, length, most in zip("wh", (p.width, p.height), page, strict=True):
        if length * p.scale > most:
            yield f"{side} is {length * p.scale:.1f} pt"
    whole = Area(0, 0, p.width, p.height)
    for name, area in [*((s.kind, s.area) for s in (*p.boxes, *p.cards)), *_named(p.words)]:
        if not whole.holds(area):
            yield f"{name} is off the page"
    for word in p.words:
        if word.size * p.scale < text - 1e-6:
            yield f"{word.text} has {word.size * p.scale:.2f} pt"


def _named(words: Sequence[Word]) -> list[tuple[str, Area]]:
    return [(word.text, word.area) for word in words]


def _overlaps(p: Picture) -> Iterator[str]:
    things = [*((s.kind, s.area) for s in p.boxes), *_named([w for w in p.words if w.box is None])]
    for (name, one), (other_name, other) in combinations(things, 2):
        if one.meets(other):
            yield f"{name} overlaps {other_name}"
    inside = [word for word in p.words if word.box is not None]
    for one, other in combinations(inside, 2):
        if one.area.meets(other.area):
            yield f"{one.text} overlaps {other.text}"
    for card in p.cards:
        for name, area in things:
            if card.area.meets(area) and not card.area.holds(area):
                yield f"{name} lies across a card"
    for one, other in combinations(p.cards, 2):
        apart = not one.area.meets(other.area)
        if not (apart or one.area.holds(other.area) or other.area.holds(one.area)):
            yield "two cards overlap"


def _crossings(p: Picture) -> Iterator[str]:
    boxes = [(box.kind, box.area.shrunk(AIR)) for box in p.boxes]
    things = [*boxes, *_named([word for word in p.words if word.box is None])]
    for line in p.lines:
        for segment in line.segments:
            for name, area in things:
                if segment.meets(area):
                    yield f"a {line.kind} crosses {name}"
    for one, other in combinations(p.lines, 2):
        for a in one.straight:
            for b in other.straight:
                if _cross(a, b) or _run_along(a, b):
                    yield f"a {one.kind} crosses a {other.kind}"


def _cross(a: Area, b: Area) -> bool:
    """Whether two lines pass through each other: where they only touch, one ends."""
    flat, steep = (a, b) if a.top == a.bottom else (b, a)
    if flat.top != flat.bottom or steep.left != steep.right:
        return False
    across = flat.left + AIR < steep.left < flat.right - AIR
    return across and steep.top + AIR < flat.top < steep.bottom - AIR


def _run_along(a: Area, b: Area) -> bool:
    """Whether two lines lie on each other for a while."""
    if a.left == a.right == b.left == b.right:
        return min(a.bottom, b.bottom) - max(a.top, b.top) > AIR
    if a.top == a.bottom == b.top == b.bottom:
        return min(a.right, b.right) - max(a.left, b.left) > AIR
    return False


def _overflows(p: Picture) -> Iterator[str]:
    for word in p.words:
        if word.box is not None and not word.box.shrunk(1.5).holds(word.area):
            yield f"{word.text} overflows its box"


def _crooked(p: Picture) -> Iterator[str]:
    for line in p.lines:
        for segment in () if line.bent else line.segments:
            if segment.left != segment.right and segment.top != segment.bottom:
                yield f"a {line.kind} is crooked"


def _loose(p: Picture) -> Iterator[str]:
    """Lines that begin or end where nothing is: each goes from a thing or a line to another."""
    things = [box.area for box in p.boxes]
    things += [side for card in p.cards for side in card.area.sides]
    things += [word.area for word in p.words if word.style == "name"]
    for line in p.lines:
        others = [s for other in p.lines if other is not line for s in other.segments]
        for x, y in (line.points[0], line.points[-1]):
            here = Area(x, y, x, y).shrunk(-REACH)
            if not any(here.meets(each.shrunk(-AIR)) for each in (*things, *others)):
                yield f"a {line.kind} ends at nothing"
