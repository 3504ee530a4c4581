"""What stands below a figure, and what is read out instead of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tfspec.diagnostics.escape import escape
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import flags
from tfspec.passes.draw.font import fit, text_width
from tfspec.passes.draw.measure import SIZES
from tfspec.passes.draw.parts import Box, Card, Fan, Jump, Series

if TYPE_CHECKING:
    from tfspec.passes.draw.draw import Drawing


def caption(drawing: Drawing, most: int) -> list[str]:
    """The model's name and size, then what symbols and bars mean, in lines of so many points."""
    return [line for part in sentences(drawing) for line in _wrapped(part, most)]


BARS = {"params": "parameters", "flops": "forward FLOPs", "memory": "bytes that training keeps"}
"""What bars show shares of, in words: all but parameters depends on sizes."""


def sentences(drawing: Drawing) -> Iterator[list[str]]:
    graph = drawing.graph
    figure = drawing.figure
    name = f"{escape(figure.name)}: {graph.facts.value(figure.params):,} parameters"
    trained = graph.facts.value(graph.trained)
    whole = "of the model" if figure.part else "of which"
    told = [] if not graph.freezes else [f"{whole} {trained:,} are trained"]
    copies = [f"× {figure.count} in the model"] if figure.count > 1 else []
    whose = f"this {figure.part}'s" if figure.part else "the"
    bars = f"bars: share of {whose} {BARS.get(drawing.cost, '')}"
    yield [name, *copies, *told, *([bars] if drawing.cost == "params" else [])]
    yield from _unseen(drawing)
    if drawing.words.legend():
        yield drawing.words.legend()
    if drawing.cost not in ("none", "params"):
        yield [f"{bars}{_sizes(drawing)}"]


def _unseen(drawing: Drawing) -> Iterator[list[str]]:
    """The inputs that no line leads to, by what reads them, where anything does."""
    told: dict[str, list[str]] = {}
    for tensor in drawing.figure.unseen:
        name = f"{escape(tensor.role or '')} {drawing.words.shape(tensor)}"
        told.setdefault(" and ".join(_readers(drawing, tensor)), []).append(name)
    for readers, (first, *more) in told.items():
        yield [f"{f'read by {readers}' if readers else 'not read'}: {first}", *more]


def _readers(drawing: Drawing, tensor: Tensor) -> dict[str, None]:
    """The masks of attentions, and the other steps that ask an input, by their titles."""
    nodes = (node for box in drawing.figure.boxes() for node in box.nodes)
    looks = (node.op.look(*node.inputs) for node in nodes if tensor in flags(node.op))
    title = drawing.words.title
    return dict.fromkeys("masks" if look.kind == "attention" else title(look) for look in looks)


def _sizes(drawing: Drawing) -> str:
    """At which sizes a cost is taken, where there are any to choose."""
    from tfspec.passes.cost.cost import chosen

    graph = drawing.graph
    at = [escape(f"{name} = {size}") for name, size in chosen(graph, graph.bound).items()]
    return f"{' at ' if at else ''}{', '.join(at)}"


def _wrapped(pieces: Iterable[str], most: int) -> list[str]:
    """Pieces with commas, in lines; a piece is cut only where it is longer than a line."""
    size = SIZES["caption"]
    lines: list[str] = []
    for piece in pieces:
        longer = f"{lines[-1]}, {piece}" if lines else piece
        if lines and text_width(longer, size) <= most - 8:
            lines[-1] = longer
        else:
            lines[-1:] = [f"{lines[-1]},", piece] if lines else [piece]
    return [fit(line, size, most) for line in lines]


def description(drawing: Drawing) -> str:
    """The figure in words, column by column."""
    return " ".join(_sentence(column) for column in drawing.figure.columns)


def _sentence(column: Series) -> str:
    return f"{', then '.join(_said(column))}."


def _said(series: Series) -> Iterator[str]:
    for item in series.items:
        if isinstance(item, Card):
            yield _card(item)
        elif isinstance(item, Fan):
            yield from _branches(item)
        elif isinstance(item, Jump):
            yield "from another column"
        elif isinstance(item, Box):
            yield item.title
        else:
            yield item.text


def _card(card: Card) -> str:
    times = f"{card.count} times " if card.count > 1 else ""
    return f"{times}{card.title} ({'; '.join(_said(card.body))})"


def _branches(fan: Fan) -> Iterator[str]:
    full = [branch for branch in fan.branches if branch.items]
    told = [", ".join(_said(branch)) for branch in full]
    if len(full) < len(fan.branches) and not isinstance(fan.join, Card):
        told = [f"{each} with a residual" for each in told]
    yield " beside ".join(told)
    if isinstance(fan.join, Card):
        yield _card(fan.join)
    elif fan.join is not None and fan.join.form == "box":
        yield fan.join.title
