"""Colours of figures: text has a contrast of 4.5 : 1 or more, and kinds differ for every eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfspec.graph.look import Kind
from tfspec.passes.draw.shapes import Line

Colours = Mapping[Kind, str]


@dataclass(frozen=True)
class Stroke:
    """How wide a line is in points, and whether it is dashed."""

    width: float
    dashed: bool = False


@dataclass(frozen=True)
class Theme:
    """`page` is None where the page behind is left as it is. `cards` are by depth. Lines differ in
    colour or by their strokes."""

    page: str | None
    text: str
    knob: str
    label: str
    line: str
    residual: str
    cross: str
    sign: str
    cards: tuple[str, str]
    frame: str
    track: str
    bar: str
    kinds: Colours
    strokes: Mapping[Line, Stroke]

    def ink(self, line: Line) -> str:
        return {"trunk": self.line, "residual": self.residual, "cross": self.cross}[line]


_LIGHT: Colours = {
    "embed": "#F4BAD7",
    "norm": "#F7E8A3",
    "attention": "#F9AF70",
    "mlp": "#83C8FD",
    "linear": "#9EE1B9",
    "other": "#F1EFF0",
}
_DARK: Colours = {
    "embed": "#5F2A34",
    "norm": "#7A681B",
    "attention": "#754C27",
    "mlp": "#1B4B67",
    "linear": "#487354",
    "other": "#575757",
}
_PLAIN: Mapping[Line, Stroke] = {
    "trunk": Stroke(0.9), "residual": Stroke(1.2), "cross": Stroke(1.2),
}  # fmt: skip
_BLACK: Mapping[Line, Stroke] = {
    "trunk": Stroke(0.9), "residual": Stroke(1.1, dashed=True), "cross": Stroke(1.6),
}  # fmt: skip
"""Lines of one colour: printed without any, blue and brown would be two like greys."""
THEMES: dict[str, Theme] = {
    "light": Theme(
        "#FFFFFF", "#1A1A1A", "#333333", "#595959", "#404040", "#0072B2", "#7A3E00", "#FFFFFF",
        ("#F4F4F4", "#FFFFFF"), "#8C8C8C", "#FFFFFF", "#404040", _LIGHT, _PLAIN,
    ),
    "dark": Theme(
        "#1A1A1A", "#FFFFFF", "#FFFFFF", "#C4C4C4", "#C8C8C8", "#56B4E9", "#E69F00", "#1A1A1A",
        ("#242424", "#1A1A1A"), "#777777", "#1A1A1A", "#E0E0E0", _DARK, _PLAIN,
    ),
    "print": Theme(
        None, "#000000", "#000000", "#333333", "#000000", "#000000", "#000000", "#FFFFFF",
        ("#F4F4F4", "#FFFFFF"), "#6E6E6E", "#FFFFFF", "#000000", _LIGHT, _BLACK,
    ),
}  # fmt: skip
