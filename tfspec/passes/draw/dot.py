"""A figure as DOT, the language of Graphviz, and as Mermaid, which GitHub draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tfspec.diagnostics.escape import escape, shorten
from tfspec.passes.draw.parts import Box, Card, Figure
from tfspec.passes.draw.shapes import Line
from tfspec.passes.draw.strokes import number
from tfspec.passes.draw.theme import THEMES, Theme
from tfspec.passes.draw.titles import repeated
from tfspec.passes.draw.wiring import Stop, Wiring, wiring

_LONGEST = 60
_FONT = 'fontname="Liberation Sans,Arial,Helvetica"'


def dot(figure: Figure, theme: str, up: bool) -> str:
    """Text for `dot`; cards are clusters, residuals and cross edges are coloured or stroked.

    A card's title is in its upper left corner, as in our own drawing: few lines pass there. For
    `dot` the lower side of what goes up is above.
    """
    colours, found = THEMES[theme], wiring(figure)
    ids = {stop: f"n{at}" for at, stop in enumerate(found.stops)}
    depths = {card: at for of in found.cards.values() for at, card in enumerate(of)}

    def frame(card: Card, number: int) -> tuple[str, str]:
        return _cluster(card, number, colours.cards[depths[card] % 2], colours.frame)

    page = f" bgcolor={_quoted(colours.page)};" if colours.page else ""
    lines = [
        f"digraph {_quoted(figure.name)} {{",
        f"  rankdir={'BT' if up else 'TB'};{page}",
        f"  graph [{_FONT}, fontsize=8, fontcolor={_quoted(colours.label)}, "
        f"labelloc={'b' if up else 't'}, labeljust=l];",
        f"  node [{_FONT}, fontsize=10, shape=box, "
        f'style="rounded,filled", color={_quoted(colours.line)}, '
        f"fontcolor={_quoted(colours.text)}];",
        f"  edge [{_FONT}, fontsize=8.5, arrowsize=0.6, fontcolor={_quoted(colours.label)}];",
        *nested(found, lambda stop: _dot_node(stop, ids[stop], colours), frame),
    ]
    lines += [_dot_edge(ids, edge.source, edge.target, edge.label, edge.line, colours)
              for edge in found.edges]  # fmt: skip
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    """A DOT string: a backslash and a quote are themselves, nothing is an escape."""
    return '"' + escape(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _words(stop: Stop) -> list[str]:
    if not isinstance(stop, Box):
        return [shorten(stop.text, _LONGEST)]
    title = repeated(stop.title, stop.count)
    knobs = [", ".join(stop.knobs)] if stop.knobs and stop.form == "box" else []
    return [shorten(words, _LONGEST) for words in (title, *knobs)]


def _dot_node(stop: Stop, name: str, colours: Theme) -> str:
    text = "\\n".join(_quoted(words)[1:-1] for words in _words(stop))
    if not isinstance(stop, Box):
        return f'{name} [label="{text}", shape=plaintext, style=""];'
    fill = colours.sign if stop.form == "sign" else colours.kinds[stop.kind]
    more = {
        "sign": ", shape=circle, margin=0, width=0.2",
        "chip": ', fontsize=8, height=0.25, margin="0.09,0.04"',
    }
    return f'{name} [label="{text}", fillcolor={_quoted(fill)}{more.get(stop.form, "")}];'


def _dot_edge(
    ids: dict[Stop, str], source: Stop, target: Stop, label: str, line: Line, colours: Theme
) -> str:
    said = f"label={_quoted(f'  {label}')}, " if label else ""  # dot has no air beside a line
    stroke, free = colours.strokes[line], ", constraint=false" if line == "cross" else ""
    more = f", penwidth={number(stroke.width)}{', style=dashed' if stroke.dashed else ''}{free}"
    return f"  {ids[source]} -> {ids[target]} [{said}color={_quoted(colours.ink(line))}{more}];"


def _cluster(card: Card, number: int, fill: str, line: str) -> tuple[str, str]:
    look = f'style="rounded,filled", fillcolor={_quoted(fill)}, color={_quoted(line)}'
    title = repeated(card.title, card.count)
    return f"subgraph cluster_{number} {{ graph [label={_quoted(title)}, {look}];", "}"


def nested(
    found: Wiring, node: Callable[[Stop], str], frame: Callable[[Card, int], tuple[str, str]]
) -> Iterator[str]:
    """Nodes in the frames of their cards."""
    open_: list[tuple[Card, str]] = []
    number = 0
    for stop in found.stops:
        wanted = found.cards[stop]
        while len(open_) > len(wanted) or any(
            card is not other for (card, _), other in zip(open_, wanted, strict=False)
        ):
            yield "  " * len(open_) + open_.pop()[1]
        for card in wanted[len(open_) :]:
            begin, end = frame(card, number)
            number += 1
            open_.append((card, end))
            yield "  " * len(open_) + begin
        yield "  " * (len(open_) + 1) + node(stop)
    while open_:
        yield "  " * len(open_) + open_.pop()[1]


# ---- Mermaid
def mermaid(figure: Figure, theme: str, up: bool) -> str:
    """A flowchart. Colours are classes of its own, so that it looks the same on every page."""
    colours, found = THEMES[theme], wiring(figure)
    ids = {stop: f"n{at}" for at, stop in enumerate(found.stops)}
    lines = [
        f"flowchart {'BT' if up else 'TD'}",
        *nested(found, lambda stop: _mermaid_node(stop, ids[stop]), _subgraph),
    ]
    for edge in found.edges:
        arrow = "-.->" if edge.line == "cross" else "-->"
        label = f'|"{_entities(edge.label)}"|' if edge.label else ""
        lines.append(f"  {ids[edge.source]} {arrow}{label} {ids[edge.target]}")
    for kind, colour in colours.kinds.items():
        named = [ids[s] for s in found.stops if isinstance(s, Box) and s.kind == kind]
        if named:
            style = f"fill:{colour},stroke:{colours.line},color:{colours.text}"
            lines += [f"  classDef {kind} {style}", f"  class {','.join(named)} {kind}"]
    return "\n".join(lines) + "\n"


def _entities(text: str) -> str:
    """Text in which Mermaid sees neither marks nor HTML: all but plain characters as codes."""
    plain = frozenset(" ,.()=+-×·→")
    shown = (c if c.isalnum() or c in plain else f"#{ord(c)};" for c in escape(text))
    return "".join(shown)


def _mermaid_node(stop: Stop, name: str) -> str:
    text = "<br>".join(map(_entities, _words(stop)))
    if not isinstance(stop, Box):
        return f'{name}(["{text}"])'
    opening, closing = {"sign": ("((", "))"), "chip": ("([", "])")}.get(stop.form, ("[", "]"))
    return f'{name}{opening}"{text}"{closing}'


def _subgraph(card: Card, number: int) -> tuple[str, str]:
    return f'subgraph c{number} ["{_entities(repeated(card.title, card.count))}"]', "end"
