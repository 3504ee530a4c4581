"""A layout as SVG: text stays text, and nothing is needed to see it.

Colours are attributes, not a style sheet: several figures in one page do not touch each other, and
programs that know no CSS show it too. Classes are there for who wants to style it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape as xml
from itertools import groupby

from tfspec.diagnostics.escape import escape
from tfspec.passes.draw.font import FAMILY
from tfspec.passes.draw.measure import BAR_GAP, SIZES, Style
from tfspec.passes.draw.shapes import (
    SHARED,
    Bars,
    BoxShape,
    CardShape,
    Curve,
    Layout,
    Line,
    Path,
    Text,
)
from tfspec.passes.draw.strokes import bent, head, number, rounded, shortened
from tfspec.passes.draw.theme import Theme

MARGIN = 8
FONTS = f"{FAMILY}, Arial, Helvetica, sans-serif"
_ASCENT = 0.35  # of the font size: from the middle of a line to its baseline
_CORNER = 6
_LINE = 11  # from line to line of the caption
_BAR = 3
_UP = 7.5  # of a bar's middle, from its box's lower edge
_DASHES = "3.5 2"
NARROWEST = 220
"""What a caption has room for, where the figure is narrower."""


def page(layout: Layout, caption: Sequence[str]) -> tuple[int, int]:
    """The whole picture's width and height in points."""
    below = _LINE * len(caption) + (6 if caption else 0)
    width = max(layout.width, NARROWEST if caption else 0)
    return width + 2 * MARGIN, layout.height + below + 2 * MARGIN


def svg(
    layout: Layout,
    theme: Theme,
    title: str,
    about: str,
    caption: Sequence[str] = (),
    scale: float = 1.0,
    unit: str = "pt",
) -> str:
    """The picture, with a margin, and a caption below it."""
    width, height = page(layout, caption)
    left = (width - layout.width) // 2
    w, h = (f"{number(scale * length)}{unit}" for length in (width, height))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{w}" height="{h}" role="img" '
        f'font-family="{FONTS}" text-rendering="geometricPrecision">',
        f"<title>{_words(title)}</title>",
        f"<desc>{_words(about)}</desc>",
        *([f'<rect class="page" width="{width}" height="{height}" fill="{theme.page}"/>']
          if theme.page else []),
        f'<g transform="translate({left} {MARGIN})">',
        *_drawn(layout, theme),
        *_caption(caption, layout, theme),
        "</g>",
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _drawn(layout: Layout, theme: Theme) -> Iterator[str]:
    for card in sorted(layout.cards, key=lambda card: card.depth):
        yield from _card(card, theme)
    for path in layout.paths:
        yield from _path(path, theme)
    for curve in layout.curves:
        yield from _curve(curve, theme)
    for box in layout.boxes:
        yield from _sign(box, theme) if box.form == "sign" else _box(box, layout.bars, theme)
    for text in layout.texts:
        yield _text(text, theme)


def _words(text: str) -> str:
    return xml(escape(text), quote=False)


def _line(x: float, y: float, text: str, style: Style, colour: str, anchor: str = "middle") -> str:
    """One line of text, its middle at a height."""
    size = SIZES[style]
    bold = ' font-weight="bold"' if style == "count" else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    base = number(y + _ASCENT * size)
    place = f'x="{number(x)}" y="{base}" font-size="{number(size)}"{where}{bold}'
    return f'<text class="{style}" {place} fill="{colour}">{_words(text)}</text>'


def _text(text: Text, theme: Theme) -> str:
    colour = theme.text if text.role == "name" else theme.label
    return _line(text.x, text.y, text.text, text.role, colour, text.anchor)


# ---- cards and boxes
def _card(card: CardShape, theme: Theme) -> Iterator[str]:
    r = card.rect
    fill = theme.cards[(card.depth - 1) % 2]
    yield (
        f'<rect class="card" x="{r.x}" y="{r.y}" width="{r.w}" height="{r.h}" rx="8" '
        f'fill="{fill}" stroke="{theme.frame}" stroke-width="0.75"/>'
    )
    if card.title:
        yield _line(r.x + 8, r.y + 10, card.title, "card", theme.label, "start")
    if card.count > 1:
        yield _line(r.right - 8, r.y + 10.5, f"× {card.count}", "count", theme.text, "end")


def _box(box: BoxShape, bars: Bars, theme: Theme) -> Iterator[str]:
    r = box.rect
    kind = "block" if box.block else box.kind
    fill = theme.cards[0] if box.block else theme.kinds[box.kind]
    round_ = r.h / 2 if box.form == "chip" else 5
    yield f'<g class="{box.form} {kind}"><title>{_words(box.whole)}</title>'
    yield (
        f'<rect x="{r.x}" y="{r.y}" width="{r.w}" height="{r.h}" rx="{number(round_)}" '
        f'fill="{fill}" stroke="{theme.line}" stroke-width="0.75"/>'
    )
    if box.block:
        yield (
            f'<rect class="inner" x="{r.x + 2}" y="{r.y + 2}" width="{r.w - 4}" '
            f'height="{r.h - 4}" rx="3" fill="none" stroke="{theme.line}" stroke-width="0.5"/>'
        )
    middle = r.x + r.w / 2
    if box.form == "chip":
        yield _line(middle, r.y + r.h / 2, box.title, "knob", theme.text)
    else:
        yield from _lines(box, middle, bars, theme)
    yield "</g>"


def _lines(box: BoxShape, middle: float, bars: Bars, theme: Theme) -> Iterator[str]:
    y = box.rect.y + 10.5
    yield _line(middle, y, box.title, "title", theme.text)
    y += 11.5
    for knob in box.knobs:
        yield _line(middle, y, knob, "knob", theme.knob)
        y += 10
    if box.share is not None:
        yield from _bar(box, box.share, middle, bars, theme)
    elif box.shared:
        yield _line(middle, box.rect.bottom - _UP, SHARED, "knob", theme.knob)


def _bar(box: BoxShape, share: float, middle: float, bars: Bars, theme: Theme) -> Iterator[str]:
    """How much of the cost this is, at the box's lower edge, in the middle."""
    wide = bars.track + BAR_GAP + bars.number
    left, y = number(middle - wide / 2), box.rect.bottom - _UP
    common = f'x="{left}" y="{number(y - _BAR / 2)}" height="{_BAR}" rx="1"'
    yield f'<rect class="track" {common} width="{bars.track}" fill="{theme.track}"/>'
    filled = number(share * bars.track)
    yield f'<rect class="bar" {common} width="{filled}" fill="{theme.bar}"/>'
    yield _line(middle + wide / 2, y, box.said, "share", theme.knob, "end")


def _sign(box: BoxShape, theme: Theme) -> Iterator[str]:
    r = box.rect
    x, y = r.x + r.w / 2, r.y + r.h / 2
    yield f'<g class="sign"><title>{_words(box.whole)}</title>'
    yield (
        f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(r.w / 2)}" fill="{theme.sign}" '
        f'stroke="{theme.line}" stroke-width="0.75"/>'
    )
    yield _line(x, y, box.title, "sign", theme.text) + "</g>"


# ---- lines
def _path(path: Path, theme: Theme) -> Iterator[str]:
    colour = theme.ink(path.line)
    points = [point for point, _ in groupby(path.points)]
    if len(points) < 2:
        return
    corner = 0 if path.line == "trunk" else _CORNER
    ends = shortened(points) if path.arrow else points
    yield _stroke(path.line, rounded(ends, corner), theme)
    if path.tap:
        yield f'<circle class="tap" cx="{points[0][0]}" cy="{points[0][1]}" r="2" fill="{colour}"/>'
    if path.arrow:
        yield f'<path class="head" d="{head(points)}" fill="{colour}"/>'


def _curve(curve: Curve, theme: Theme) -> Iterator[str]:
    yield _stroke(curve.line, bent(curve.points), theme)
    yield f'<path class="head" d="{head(curve.points)}" fill="{theme.ink(curve.line)}"/>'


def _stroke(line: Line, way: str, theme: Theme) -> str:
    stroke = theme.strokes[line]
    dashes = f' stroke-dasharray="{_DASHES}"' if stroke.dashed else ""
    return (
        f'<path class="{line}" d="{way}" fill="none" stroke="{theme.ink(line)}" '
        f'stroke-width="{number(stroke.width)}"{dashes}/>'
    )


def _caption(caption: Iterable[str], layout: Layout, theme: Theme) -> Iterator[str]:
    y = layout.height + 6 + _LINE / 2
    for line in caption:
        yield _line(layout.width / 2, y, line, "caption", theme.label)
        y += _LINE
