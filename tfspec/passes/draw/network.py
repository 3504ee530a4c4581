"""A figure as a networkx graph, for who wants to search it or to lay it out otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from typing import TYPE_CHECKING

from tfspec.graph.graph import Graph
from tfspec.passes.draw.parts import Box, End, Figure
from tfspec.passes.draw.shares import flops, params
from tfspec.passes.draw.wiring import Stop, wiring
from tfspec.passes.draw.words import Words
from tfspec.program.refusal import NotYet

if TYPE_CHECKING:
    import networkx as nx


def network(graph: Graph, figure: Figure, words: Words) -> nx.DiGraph[str]:
    """A node for each box, by its title; equal titles are numbered from 2.

    A node has `title`, `kind` (input, output, block, or a kind of work), `knobs`, `count`, the
    `shape` of what it makes, and `inside`: the blocks around it, with how often they run. A box has
    `params` and `flops` of all its repetitions, at the sizes that `tfspec cost` takes; no `flops`
    where a dim has no such size. An edge has the `shape` of what flows, and `line`: trunk, residual
    or cross.
    """
    made = connected(figure)
    counts = {"params": params(graph, figure), "flops": _flops(graph, figure)}
    for stop, name in names(wiring(figure).stops).items():
        numbers = {key: of[stop] for key, of in counts.items() if isinstance(stop, Box) and of}
        shape = {} if isinstance(stop, End) else {"shape": words.shape(stop.made.shape)}
        made.nodes[name].update(**shape, **numbers)
        for _, _, edge in made.out_edges(name, data=True):
            edge.update(shape)
    return made


def connected(figure: Figure) -> nx.DiGraph[str]:
    """Only what a figure says: boxes in the order in which they run, and the lines between them."""
    import networkx as nx

    found = wiring(figure)
    names_of = names(found.stops)
    made: nx.DiGraph[str] = nx.DiGraph(name=figure.name)
    for stop, name in names_of.items():
        inside = tuple((card.title, card.count) for card in found.cards[stop])
        made.add_node(name, **_said(stop), inside=inside)
    for edge in found.edges:
        made.add_edge(names_of[edge.source], names_of[edge.target], line=edge.line)
    return made


def _flops(graph: Graph, figure: Figure) -> dict[Box, int]:
    try:
        return flops(graph, figure)
    except NotYet:
        return {}


def _title(stop: Stop) -> str:
    return stop.title if isinstance(stop, Box) else stop.text


def names(stops: Sequence[Stop]) -> dict[Stop, str]:
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
