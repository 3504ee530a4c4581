"""The pass `shapes`: the shape of every step, in symbols and in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfspec.graph.graph import Graph
from tfspec.passes.modes import MODES, decoding, mode_shapes
from tfspec.passes.shapes.rows import Row, flow_rows
from tfspec.program.program import Mode
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Symbol:
    """One symbol of the table: what it is in the spec, and its value here.

    `meaning` is a declaration (`1..1024`), a formula (`d/h`), or words; `size` is the formula's.
    """

    name: str
    meaning: str
    value: int
    size: Dim | None = None


@dataclass(frozen=True, repr=False)
class Flow:
    """The shape flow of a model in one mode: rows in order of execution, and what symbols mean.

    Prefill and decode are read off the lowered program, so they show what a cache does: while
    decoding, keys and values are [B, h, S, k] over all S slots of the cache, and T counts the new
    tokens (here 1).
    """

    graph: Graph
    mode: Mode
    rows: tuple[Row, ...]
    bindings: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def params(self) -> int:
        """Parameters of the whole model, shared ones once."""
        return self.graph.facts.value(self.graph.params) or 0

    def sizes(self, row: Row) -> tuple[int, ...]:
        """A row's shape in numbers, at `bindings`."""
        return tuple(size.value(self.bindings) for size in row.shape)

    def symbols(self) -> list[Symbol]:
        """Every symbol that the shapes show, in the order of the spec, then of appearance."""
        graph = self.graph
        shown = {
            name
            for row in self.rows
            for s in row.shapes
            for size in s
            for name in self._letters(size)
        }
        found = [
            Symbol(name, str(domain), self.bindings[name])
            for name, domain in graph.facts.domains.items()
            if name in shown
        ]
        for letter, size in graph.names.letters.items():
            if letter in shown:
                found.append(Symbol(letter, str(size), size.value(self.bindings), size))
        if graph.slots_name in shown:
            slots = self.bindings[graph.slots_name]
            found.append(Symbol(graph.slots_name, "slots of the cache", slots))
        if graph.on_grid and (count := graph.token_axis.name) in shown:
            found.append(Symbol(count, f"tokens of {graph.text.space}", self.bindings[count]))
        return found

    def _letters(self, size: Dim) -> set[str]:
        """The symbols in a size as it is written, and in what they stand for."""
        letter = self.graph.names.by_size.get(size)
        return ({letter} if letter else set[str]()) | size.symbols

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        """A table of at most 100 columns, with a legend."""
        from tfspec.passes.shapes.text import text

        return text(self)

    def md(self) -> str:
        """A Markdown table."""
        from tfspec.passes.shapes.text import markdown

        return markdown(self)

    def latex(self) -> str:
        """A LaTeX tabular that needs no package."""
        from tfspec.passes.shapes.latex import latex

        return latex(self)

    def json(self) -> str:
        """An object: `name`, `mode`, `params`, `bindings` (symbol to number), `symbols`, `rows`.

        A symbol has `name`, `meaning` and `value`. A row has `depth`, `kind` (input, stream,
        output, block, module or step), `label`, `tokens`, `shape` (a list of symbols), `sizes` (a
        list of numbers), `params`, `count` (how often a block is repeated) and `shared` (true where
        an earlier row counts the parameters). These keys stay. Where parts of a value have widths
        of their own, `parts` has the `shape` and `sizes` of each.
        """
        from tfspec.passes.shapes.text import as_json

        return as_json(self)


def shape_flow(graph: Graph, mode: str = "forward") -> Flow:
    """The flow of a checked graph. Raises NotYet for a mode that this model has not, or not yet."""
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}: it is one of {', '.join(MODES)}")
    if mode == "forward":
        results = [tensor.shape for tensor in graph.outputs.values()]
        rows = flow_rows(graph, lambda tensor: tensor.shape, results)
        return Flow(graph, mode, tuple(rows), graph.bindings())
    shapes, results = mode_shapes(graph, mode)
    rows = flow_rows(graph, lambda tensor: shapes.get(tensor, tensor.shape), results, mode)
    return Flow(graph, mode, tuple(rows), decoding(graph, mode, graph.bindings()))
