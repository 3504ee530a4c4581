"""Regression: mean squared error of numbers, such as actions."""

from __future__ import annotations

from typing import ClassVar

from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.losses.loss import Loss
from tfspec.passes.emit.text import docstring
from tfspec.symbolic import Dim

_BODY = """\
    error = (values - labels).square().mean(-1)
    if valid is None:
        return error.mean()
    return error.masked_fill(~valid, 0).sum() / valid.sum()
"""


class Regression(Loss):
    """Mean squared error of numbers [..., K], over the rows that are `valid` [...], or over all.

    Σ (values - labels)² / (K · count): what Decision Transformer is trained on for actions (Chen et
    al. 2021, algorithm 1).
    """

    kind: ClassVar[str] = "regression"
    needs: ClassVar[str] = "an output of numbers, a fixed number of features a row"
    mend: ClassVar[str] = "end an output with a map to as many numbers as are told: `linear: 1`"

    def fits(self, graph: Graph, output: Tensor) -> bool:
        return len(output.axes) > 1 and graph.facts.value(output.width) is not None

    def code(self, graph: Graph, output: Tensor) -> list[str]:
        whole, rows = graph.show(output.shape), graph.show(output.shape[:-1])
        about = "Mean squared error over the rows that are valid; without `valid`, over all."
        doc = docstring(about, f"Takes values and labels {whole}, and flags {rows}.", 4)
        head = "def loss(values, labels, valid=None):\n" + "\n".join(doc) + "\n"
        return [head + _BODY]

    def labels(self, graph: Graph, output: Tensor) -> tuple[str, tuple[Dim, ...]] | None:
        del graph
        return "randn", output.shape
