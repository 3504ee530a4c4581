"""Contrastive losses: which row belongs to which column, by softmax or by sigmoid."""

from __future__ import annotations

from typing import ClassVar

from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.losses.loss import Loss
from tfspec.symbolic import Dim

_SOFTMAX = '''\
def loss(logits):
    """Contrastive loss of pairs, in nats: row i of logits {shape} belongs to column i."""
    pairs = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
'''
_SIGMOID = '''\
def loss(logits):
    """Sigmoid loss of pairs, in nats a row: row i of logits {shape} belongs to column i."""
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1
    return -F.logsigmoid(signs * logits).sum(-1).mean()
'''


class Contrastive(Loss):
    """Cross entropy of rows and of columns, halved: logits [B, B], whose row i belongs to column i.

    (CE(logits, i) + CE(logitsᵀ, i)) / 2 (Radford et al. 2021, figure 3). Every row of the batch is
    a wrong answer for all others.
    """

    kind: ClassVar[str] = "contrastive"
    needs: ClassVar[str] = "an output [B, B] that compares a batch with a batch of the same size"
    mend: ClassVar[str] = "end an output with `similarity: {to: the other stream}`"
    template: ClassVar[str] = _SOFTMAX

    def fits(self, graph: Graph, output: Tensor) -> bool:
        rows = output.axes[:-1]
        batch = len(rows) == 1 and rows[0] in output.space.batch
        return batch and graph.facts.value(output.width) is None and rows[0].size == output.width

    def code(self, graph: Graph, output: Tensor) -> list[str]:
        return [self.template.format(shape=graph.show(output.shape))]

    def labels(self, graph: Graph, output: Tensor) -> tuple[str, tuple[Dim, ...]] | None:
        del graph, output
        return None


class Sigmoid(Contrastive):
    """Each row with each column, belonging or not, by itself: logits [B, B].

    -Σ_ij log sigmoid(z_ij · logits_ij) / B, where z is 1 on the diagonal and -1 elsewhere (Zhai et
    al. 2023, equation 1).
    """

    kind: ClassVar[str] = "sigmoid"
    template: ClassVar[str] = _SIGMOID
