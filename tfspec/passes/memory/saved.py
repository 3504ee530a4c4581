"""The pass `memory`: what autograd keeps for backward, each storage once, in eager mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfspec.diagnostics import Span
from tfspec.graph.graph import Graph
from tfspec.graph.trace import Node
from tfspec.passes.memory.walk import Found, Walk
from tfspec.program.lowering import lower
from tfspec.program.program import Precision, Program, Style
from tfspec.symbolic import Dim
from tfspec.targets import Target, sheet_of

BYTES: Mapping[Precision, int] = {"fp32": 4, "bf16": 2, "fp16": 2}


@dataclass(frozen=True)
class Row:
    """What one step keeps, in all layers: `size` is its formula in bytes, `bytes` the number."""

    module: str
    op: str
    what: str
    span: Span | None
    size: Dim
    bytes: int
    node: Node | None = None


@dataclass(frozen=True)
class Memory:
    """What a training step keeps between forward and backward, beside weights and inputs.

    The loss is not part of it. `without` says what is known to be missing, op by op. `asked` has
    each two sizes that layouts depend on being equal, and whether they are: the formula holds at
    all sizes where they are as here.
    """

    dtype: Precision
    rows: tuple[Row, ...]
    size: Dim
    bytes: int
    bindings: Mapping[str, int]
    without: tuple[tuple[str, str], ...]
    asked: Mapping[tuple[Dim, Dim], bool]

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether the formula holds at these sizes, a value for every dim."""
        pairs = self.asked.items()
        return all((a.value(sizes) == b.value(sizes)) is equal for (a, b), equal in pairs)


@dataclass(frozen=True)
class Saves:
    """What autograd keeps, at any sizes: lowered again only where no formula holds yet."""

    graph: Graph
    dtype: Precision
    target: str | Target
    style: Style
    found: list[Memory] = field(default_factory=list[Memory])

    def at(self, sizes: Mapping[str, int]) -> Memory:
        """A memory whose formula holds at these sizes; its numbers may be of others."""
        known = next((each for each in self.found if each.holds(sizes)), None)
        if known is not None:
            return known
        made = saved(
            self.graph, dtype=self.dtype, target=self.target, style=self.style, sizes=sizes
        )  # fmt: skip
        self.found.append(made)
        return made


def saved(
    graph: Graph,
    *,
    dtype: Precision = "fp32",
    target: str | Target = "cpu",
    style: Style = "fast",
    sizes: Mapping[str, int] | None = None,
) -> Memory:
    """What autograd keeps of the emitted file's forward while training. Every input is given.

    `sizes` has a value for every dim; without it, those of the graph.
    """
    sheet = sheet_of(target)
    bindings = graph.bindings() if sizes is None else sizes
    program = lower(graph, sheet, style=style, sizes=bindings, dtype=dtype)
    walk = Walk()
    walk.root(program.roots["forward"])
    rows = tuple(_row(found, dtype, bindings) for found in walk.found.values())
    size = sum((row.size for row in rows), Dim.of(0))
    without = tuple(sorted(walk.without))
    return Memory(dtype, rows, size, size.value(bindings), bindings, without, _open(graph, program))


def _open(graph: Graph, program: Program) -> Mapping[tuple[Dim, Dim], bool]:
    """What was asked of sizes and is not answered alike at all that the graph allows."""
    varying = {name for name, each in graph.facts.domains.items() if each.low != each.high}
    return {
        (a, b): equal
        for (a, b), equal in program.asked.items()
        if not varying.isdisjoint(a.symbols | b.symbols)
    }


def _row(found: Found, dtype: Precision, bindings: Mapping[str, int]) -> Row:
    each = {"float": BYTES[dtype], "float32": 4, "int64": 8, "int32": 4, "bool": 1}
    size = found.elements * each[found.dtype]
    node = found.node
    label, span = (node.op.label(), node.span) if node else ("", None)
    return Row(found.module, label, found.what, span, size, size.value(bindings), node)
