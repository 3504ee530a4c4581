"""The words of a figure: shapes and knobs in symbols or numbers, and what the symbols mean."""

from __future__ import annotations

from tfspec.diagnostics.escape import escape
from tfspec.graph.graph import Graph
from tfspec.graph.look import Knob, Look
from tfspec.graph.names import written
from tfspec.graph.structure import Stack
from tfspec.graph.tensor import Tensor
from tfspec.passes.shared import shared
from tfspec.symbolic import Dim


class Words:
    """Writes sizes, and remembers which symbols it has written.

    With `numbers` every size that has one value is that value; what varies stays a symbol.
    """

    def __init__(self, graph: Graph, numbers: bool) -> None:
        self.graph, self.numbers = graph, numbers
        self.used: set[str] = set()
        fixed = ((name, graph.facts.value(size)) for name, size in graph.dims.items())
        known = {name: value for name, value in fixed if value is not None}
        self.fixed: dict[str, int] = {**known, **graph.bound}

    def size(self, size: Dim) -> str:
        if not self.numbers:
            return self._symbols(size)
        if size.symbols <= self.fixed.keys():
            return str(size.value(self.fixed))
        return self._symbols(size.subs(self.fixed), size)

    def shape(self, tensor: Tensor) -> str:
        """As the checker shows it: [B, N, d]."""
        return written(tensor.shapes, self.size)

    def title(self, look: Look) -> str:
        return escape(look.title) if isinstance(look.title, str) else self.knob(look.title)

    def knob(self, knob: Knob) -> str:
        return escape(
            "".join(self._factor(x, len(knob)) if isinstance(x, Dim) else x for x in knob)
        )

    def _factor(self, size: Dim, pieces: int) -> str:
        """A size among other words: a sum in brackets."""
        text = self.size(size)
        return f"({text})" if pieces > 1 and " " in text else text

    def count(self, size: Dim) -> int:
        """How often a block runs: the spec has one depth for a stack."""
        return self.graph.facts.value(size) or 1

    def shared(self, stack: Stack) -> str:
        """`6 shared`, where the layers of a stack have no more weights than so many of them."""
        return shared(self.graph, stack)

    def _symbols(self, size: Dim, known: Dim | None = None) -> str:
        letter = self.graph.names.by_size.get(known or size)
        if letter is not None:
            self.used.add(letter)
            return letter
        self.used |= size.symbols
        return str(size)

    def legend(self) -> list[str]:
        """What each symbol that was written is, in the order of the spec, then of appearance."""
        domains, letters = self.graph.facts.domains, self.graph.names.letters
        behind = {s for name in self.used if name in letters for s in self._open(letters[name])}
        used = self.used | behind
        said = [f"{name} = {domain}" for name, domain in domains.items() if name in used]
        for name, size in letters.items():
            if name in used:
                value = self.graph.facts.value(size)
                said.append(f"{name} = {size}" + (f" = {value}" if value is not None else ""))
        return list(map(escape, said))

    def _open(self, size: Dim) -> frozenset[str]:
        """The symbols of a formula that its value does not explain."""
        return size.symbols if self.graph.facts.value(size) is None else frozenset()
