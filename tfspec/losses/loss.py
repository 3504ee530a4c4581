"""What a loss is: which outputs it fits, the code of it, and labels to try it on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from tfspec.diagnostics import Label
from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.expr import PLAIN
from tfspec.symbolic import Dim


class Loss(ABC):
    """One kind of loss, whatever model it is for."""

    kind: ClassVar[str]
    """How it is asked for."""
    needs: ClassVar[str]
    """What it fits, as a message says it."""
    mend: ClassVar[str]
    """What gives a spec an output that it fits."""

    @abstractmethod
    def fits(self, graph: Graph, output: Tensor) -> bool:
        """Whether an output of floats is one that it can be taken of."""

    @abstractmethod
    def code(self, graph: Graph, output: Tensor) -> list[str]:
        """The functions that it is made of, the last being `loss`, each ending its last line."""

    @abstractmethod
    def labels(self, graph: Graph, output: Tensor) -> tuple[str, tuple[Dim, ...]] | None:
        """How torch draws labels to try it on, and their shape; None where it takes none."""

    def against(self, graph: Graph, output: Tensor) -> Label | None:
        """The place in the spec by which it does not fit, where it is one step; else None."""
        del graph, output
        return None

    def example(self, graph: Graph, output: Tensor) -> str | None:
        """example_labels(): labels for what example_inputs() makes; None where there are none."""
        found = self.labels(graph, output)
        if found is None:
            return None
        function, shape = found
        values = graph.bindings()
        sizes = ex.Tuple(tuple(ex.Name(str(size.value(values))) for size in shape))
        classes = (ex.Name(str(output.width.value(values))),) if function == "randint" else ()
        device = (("device", ex.Name("device")),)
        call = ex.Call(ex.Name(f"torch.{function}"), (*classes, sizes), device)
        lines = ["def example_labels(device=None):"]
        lines += [f'    """Random labels: {graph.show(shape)}."""']
        lines += [f"    {line}" for line in layout.lines("return ", call, PLAIN, "", 4)]
        return "\n".join(lines) + "\n"


def words_of(graph: Graph, output: Tensor) -> Tensor | None:
    """The ids input whose words an output tells: [..., T] of V ids, for an output [..., T, V]."""
    for tensor in graph.inputs:
        told = tensor.kind == "ids" and tensor.axes == output.axes[:-1]
        if told and tensor.vocabulary == output.width:
            return tensor
    return None
