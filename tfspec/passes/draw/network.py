"""A figure as a networkx graph, for who wants to search it or to lay it out otherwise."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING

from tfspec.graph.graph import Graph
from tfspec.passes.draw.parts import Box, Figure
from tfspec.passes.draw.shares import flops, params
from tfspec.passes.draw.wiring import Stop, wiring
from tfspec.program.refusal import NotYet

if TYPE_CHECKING:
    import networkx as nx


def network(graph: Graph, figure: Figure) -> nx.DiGraph[str]:
    """A node for each box, by its title; equal titles are numbered from 2.

    A node has `title`, `kind` (input, output, or a kind of work), `knobs`, `inside` (the blocks
    around it, with how often they run), and a box `params` and `flops` of all its repetitions, at
    the sizes that `tfspec cost` takes; no `flops` where a dim has no such size. An edge has
    `shape`, where it is a new one, and `line`: trunk, residual or cross.
    """
    import networkx as nx

    found = wiring(figure)
    names = _names(found.stops)
    counts = {"params": params(graph, figure), "flops": _flops(graph, figure)}
    made: nx.DiGraph[str] = nx.DiGraph(name=figure.name)
    for stop in found.stops:
        inside = tuple((card.title, card.count) for card in found.cards[stop])
        numbers = {name: of[stop] for name, of in counts.items() if isinstance(stop, Box) and of}
        made.add_node(names[stop], **_said(stop), inside=inside, **numbers)
    for edge in found.edges:
        source, target = names[edge.source], names[edge.target]
        made.add_edge(source, target, shape=edge.label, line=edge.line)
    return made


def _flops(graph: Graph, figure: Figure) -> dict[Box, int]:
    try:
        return flops(graph, figure)
    except NotYet:
        return {}


def _title(stop: Stop) -> str:
    return stop.title if isinstance(stop, Box) else stop.text


def _names(stops: list[Stop]) -> dict[Stop, str]:
    """A title, or the title and the first free number."""
    taken: set[str] = set()
    found: dict[Stop, str] = {}
    for stop in stops:
        title = _title(stop)
        numbered = chain([title], (f"{title} {n}" for n in count(2)))
        found[stop] = next(name for name in numbered if name not in taken)
        taken.add(found[stop])
    return found


def _said(stop: Stop) -> dict[str, object]:
    if isinstance(stop, Box):
        kind = "block" if stop.block else stop.kind
        return {"title": stop.title, "kind": kind, "knobs": stop.knobs, "count": stop.count}
    kind = "input" if hasattr(stop, "made") else "output"
    return {"title": stop.text, "kind": kind, "knobs": (), "count": 1}
