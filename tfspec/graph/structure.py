"""Structural ops: a child module called, and a stack of layers run in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look
from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Op, Reach, Trace
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True, eq=False)
class Call(Op):
    """A child's trace, run once here; its weights are its scope's."""

    reach: ClassVar[Reach] = "text"

    traces: tuple[Trace]

    def infer(self, *inputs: Tensor) -> Tensor:
        result = self.traces[0].results[0]
        return Tensor(result.axes, result.space, widths=result.widths)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # the child scope's own

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        raise NotImplementedError("a call costs what its steps cost")

    def label(self) -> str:
        return self.traces[0].scope.name

    def look(self, *inputs: Tensor) -> Look:
        """The module's own; one that says nothing shows its name."""
        return self.traces[0].look or Look(self.label())

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return low.call(self.traces[0], inputs)


@dataclass(frozen=True, eq=False)
class Stack(Op):
    """A pattern of layers that runs `count` times: one node, whatever the depth.

    Their places have as many copies, or fewer: then these are run through again and again.
    """

    reach: ClassVar[Reach] = "text"

    traces: tuple[Trace, ...]
    count: Dim
    rounds: int

    @property
    def own(self) -> Dim:
        """How many layers at each place of the pattern have weights of their own."""
        return self.traces[0].scope.copies

    @property
    def runs(self) -> Dim:
        """How many layers run, those of the whole pattern together."""
        return self.count * len(self.traces)

    def infer(self, *inputs: Tensor) -> Tensor:
        result = self.traces[-1].results[0]
        return Tensor(result.axes, result.space, widths=result.widths)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # the layers' own

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        raise NotImplementedError("a stack costs what its layers cost")

    def label(self) -> str:
        return f"× {self.count}"

    def look(self, *inputs: Tensor) -> Look:
        return Look(", ".join(trace.title for trace in self.traces))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return low.loop(self, inputs[0])
