"""The pass `memory`: what autograd keeps for backward, each storage once, in eager mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfspec.diagnostics import Span
from tfspec.graph.graph import Graph
from tfspec.graph.trace import Node
from tfspec.passes.memory.walk import Found, Walk
from tfspec.program.lowering import lower
from tfspec.program.program import Precision, Style
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

    The loss is not part of it. `without` says what is known to be missing, op by op. The formula
    holds at all sizes where those that are 1 in `bindings` are 1, and no other is.
    """

    dtype: Precision
    rows: tuple[Row, ...]
    size: Dim
    bytes: int
    bindings: Mapping[str, int]
    without: tuple[tuple[str, str], ...]


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
    return Memory(dtype, rows, size, size.value(bindings), bindings, without)


def _row(found: Found, dtype: Precision, bindings: Mapping[str, int]) -> Row:
    each = {"float": BYTES[dtype], "float32": 4, "int64": 8, "int32": 4, "bool": 1}
    size = found.elements * each[found.dtype]
    node = found.node
    label, span = (node.op.label(), node.span) if node else ("", None)
    return Row(found.module, label, found.what, span, size, size.value(bindings), node)
