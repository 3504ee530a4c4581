"""A figure as a networkx graph: what its ops are laid out by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from typing import TYPE_CHECKING

from tfspec.passes.draw.parts import Box, Figure
from tfspec.passes.draw.wiring import Stop, wiring

if TYPE_CHECKING:
    import networkx as nx


def connected(figure: Figure) -> nx.DiGraph[str]:
    """A node for each box by its name, in the order in which they run, and the lines between."""
    import networkx as nx

    found = wiring(figure)
    names_of = names(found.stops)
    made: nx.DiGraph[str] = nx.DiGraph(name=figure.name)
    made.add_nodes_from(names_of.values())
    for edge in found.edges:
        ends = names_of[edge.source], names_of[edge.target]
        made.add_edge(*ends, line=edge.line, returns=edge.returns)
    return made


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
