"""What each step costs: FLOPs of the mode, parameters, and bytes kept for backward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tfspec.graph.look import Kind
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.cost.report import Cost
from tfspec.passes.cost.work import Work
from tfspec.passes.draw.parts import Box, Figure
from tfspec.passes.draw.shares import kept_by_step, params
from tfspec.passes.draw.walks import primitives
from tfspec.passes.memory.saved import saved
from tfspec.symbolic import Dim

ONE_PASS = ("forward", "train")
"""Modes whose forward training keeps something of."""


@dataclass(frozen=True)
class Amounts:
    """Amounts of the steps of a cost, every repetition of a layer counted."""

    cost: Cost

    def flops(self, nodes: Iterable[Node]) -> Dim:
        """FLOPs of the mode, as a formula."""
        work = sum((self.work.get(node, Work()) for node in nodes), Work())
        return self.cost.of_mode(work)

    @cached_property
    def work(self) -> Mapping[Node, Work]:
        """The work of each primitive step: that of the rows without parts."""
        rows = self.cost.rows
        deeper = [each.depth for each in rows[1:]] + [0]
        return {
            row.nodes[0]: row.work
            for row, next_depth in zip(rows, deeper, strict=True)
            if next_depth <= row.depth and len(row.nodes) == 1
        }

    @cached_property
    def kinds(self) -> Mapping[Node, Kind]:
        """What kind of work each primitive step is: its module's, or outside of any its own."""
        return dict(_kinds(self.cost.graph.trace))

    def params(self, figure: Figure) -> Mapping[Box, int]:
        """Parameters of each box; a weight that several share counts where it is first."""
        return params(self.cost.graph, figure)

    @property
    def unkept(self) -> str:
        """Why it is not known what training keeps; empty where it is."""
        if self.cost.mode not in ONE_PASS:
            return f"In mode {self.cost.mode} nothing is kept for backward."
        if self.cost.precision.activations == "mixed":
            return "What autograd keeps of each step is not told under autocast."
        return ""

    @cached_property
    def kept(self) -> Mapping[Node, int]:
        """Bytes that autograd keeps of each primitive step's operands or result, all layers."""
        dtype = self.cost.precision.activations
        if self.unkept or dtype == "mixed":
            return {}
        memory = saved(
            self.cost.graph,
            dtype=dtype,
            target=self.cost.target or "cpu",
            style=self.cost.style,
            sizes=self.cost.sizes_of_dims,
        )
        return kept_by_step(memory)

    def bytes(self, nodes: Iterable[Node]) -> int:
        return sum(self.kept.get(node, 0) for node in nodes)


def _kinds(trace: Trace) -> Iterator[tuple[Node, Kind]]:
    for node in trace.body:
        traces = inner_traces(node.op)
        if not traces:
            yield from _of([node], node.op.look(*node.inputs).kind)
        for inner in traces:
            yield from _kinds(inner) if inner.look is None else _of(inner.body, inner.look.kind)


def _of(nodes: Iterable[Node], kind: Kind) -> Iterator[tuple[Node, Kind]]:
    for node in primitives(nodes):
        yield node, kind
