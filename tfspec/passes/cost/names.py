"""Costs in the symbols that people use: N for the tokens of an image, not 1 + (H/p)·(W/p)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tfspec.graph.graph import Graph
from tfspec.graph.names import TOKENS, WINDOWS
from tfspec.passes.cost.work import ShapeOf
from tfspec.symbolic import Dim, sym
from tfspec.symbolic.atoms import Division
from tfspec.symbolic.errors import Indivisible

CONVENTION = "a multiply-add is 2 FLOPs; products of matrices only; attention dense"
"""What every FLOP count of ours means."""


@dataclass(frozen=True)
class Counts:
    """The graph's names for numbers of tokens and windows, as symbols of their own.

    A number that is another one's whole part is written by it: a quarter of the tokens is M/4, and
    the windows of win·win tokens are M/win². So one symbol stands for one length.
    """

    graph: Graph

    @cached_property
    def letters(self) -> dict[str, Dim]:
        """What each letter that costs are written in stands for."""
        used = {name for size in self._symbols.values() for name in size.symbols}
        return {letter: size for letter, size in self._named.items() if letter in used}

    @cached_property
    def _named(self) -> dict[str, Dim]:
        named = self.graph.names.letters.items()
        return {letter: size for letter, size in named if letter in TOKENS or letter in WINDOWS}

    @cached_property
    def _symbols(self) -> dict[Dim, Dim]:
        return {size: self._by_whole(letter, size) for letter, size in self._named.items()}

    def _by_whole(self, letter: str, size: Dim) -> Dim:
        """A size as a part of the largest of which it is one, or as its own letter."""
        values = self.graph.sample
        found, parts = sym(letter), 1
        for other, whole in self._named.items():
            share = _share(whole, size)
            if not self._apart.isdisjoint(share.symbols):
                continue  # of M images, one's tokens are no part of those of all
            if _polynomial(share) and share.value(values) > parts:
                found, parts = sym(other).exact_div(share), share.value(values)
        return found

    @cached_property
    def _apart(self) -> frozenset[str]:
        """The axes for each place of which some stream runs, and those that vary: where there are
        more frames, one's tokens are as many as before."""
        streams = self.graph.spec.streams.values()
        per = {str(name) for stream in streams for name in stream.per or ()}
        domains = self.graph.facts.domains.items()
        return frozenset(per | {name for name, each in domains if each.low != each.high})

    def shapes(self, of: ShapeOf) -> ShapeOf:
        """A mode's shapes with letters for numbers of tokens."""
        return lambda tensor: self.lettered(of(tensor))

    def lettered(self, shape: Sequence[Dim]) -> tuple[Dim, ...]:
        """A shape with letters for numbers of tokens."""
        return tuple(self._symbols.get(size, size) for size in shape)

    def values(self, bindings: Mapping[str, int]) -> dict[str, int]:
        """The bindings, and with them the value of every letter."""
        letters = {letter: size.value(bindings) for letter, size in self._named.items()}
        return {**bindings, **letters}


def _share(whole: Dim, size: Dim) -> Dim:
    """How often a size goes into a whole; 0 where it never does: 6 tokens into 3."""
    try:
        return whole.exact_div(size)
    except Indivisible:
        return Dim.of(0)


def _polynomial(size: Dim) -> bool:
    return not any(isinstance(atom, Division) for atom in size.atoms)
