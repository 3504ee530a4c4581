"""Where the lines of a layout lead, followed from box to box, beside what each box reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from tfspec.passes.draw.draw import Drawing
from tfspec.passes.draw.measure import points
from tfspec.passes.draw.parts import Box
from tfspec.passes.draw.shapes import Path, Point, Rect
from tfspec.passes.draw.titles import repeated
from tfspec.passes.draw.wiring import Stop, wiring

UNDER = 6
"""How wide a gap is where one line passes under another."""
Key = object


def misled(drawing: Drawing) -> list[str]:
    """Values whose lines do not lead to all that read them, and lines that lead to what does not."""
    stops = list(_stops(drawing))
    edges = [(_key(edge.source), _key(edge.target)) for edge in wiring(drawing.figure).edges]
    nets = [_ends(net, stops) for net in _nets(drawing.layout.paths)]
    found = [
        f"no line from {_said(source)} to {_said(target)}"
        for source, target in edges
        if not any(source in begins and target in tips for begins, tips in nets)
    ]
    for begins, tips in nets:
        found += [
            f"a line leads to {_said(tip)}, which reads none of {', '.join(map(_said, begins))}"
            for tip in tips
            if not any((source, tip) in edges for source in begins)
        ]
    return found


def _key(stop: Stop) -> Key:
    """What a box is in the layout and in the figure: its steps; of a name its text."""
    if not isinstance(stop, Box):
        return stop.text
    knobs = stop.knobs if stop.form != "sign" else ()
    return ", ".join((repeated(stop.title, stop.count), *knobs)), tuple(map(id, stop.nodes))


def _said(key: Key) -> str:
    return str(key[0] if isinstance(key, tuple) else key)


def _stops(drawing: Drawing) -> Iterator[tuple[Key, Rect]]:
    m = points()
    for box in drawing.layout.boxes:
        yield (box.whole, tuple(map(id, box.nodes))), box.rect
    for text in drawing.layout.texts:
        if text.role == "name":
            width = m.width(text.text, "name")
            yield text.text, Rect(text.x - width // 2, text.y - m.name // 2, width, m.name)


def _nets(paths: Iterable[Path]) -> list[list[Path]]:
    """Lines that begin or end on each other: together they are those of one value, or of all that
    a sum takes."""
    found: list[list[Path]] = []
    for path in paths:
        near = [net for net in found if any(_touch(path, other) for other in net)]
        found = [net for net in found if net not in near]
        found.append([path, *(each for net in near for each in net)])
    return found


def _touch(one: Path, other: Path) -> bool:
    ends = [(a, b) for a, b in ((one, other), (other, one))]
    if any(_on(point, b) for a, b in ends for point in (a.points[0], a.points[-1])):
        return True
    if not one.line == other.line == "cross":
        return False
    return any(
        (a.arrow, b.tap) == (False, False) and passes_under(a.points[-1], b.points[0])
        for a, b in ends
    )


def passes_under(end: Point, start: Point) -> bool:
    (x, y), (to_x, to_y) = end, start
    return (y == to_y and abs(x - to_x) == UNDER) or (x == to_x and abs(y - to_y) == UNDER)


def _on(point: Point, path: Path) -> bool:
    return any(
        min(a[0], b[0]) - 1 <= point[0] <= max(a[0], b[0]) + 1
        and min(a[1], b[1]) - 1 <= point[1] <= max(a[1], b[1]) + 1
        for a, b in pairwise(path.points)
    )


def _ends(net: list[Path], stops: list[tuple[Key, Rect]]) -> tuple[list[Key], list[Key]]:
    """The boxes that lines of a net begin at, and those that they lead to."""
    begins = [key for key, area in stops if any(_at(path.points[0], area) for path in net)]
    tips = [
        key for key, area in stops if any(path.arrow and _at(path.points[-1], area) for path in net)
    ]
    return begins, tips


def _at(point: Point, area: Rect) -> bool:
    return area.x - 1 <= point[0] <= area.right + 1 and area.y - 3 <= point[1] <= area.bottom + 3
