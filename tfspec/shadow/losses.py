"""Cross entropy, as torch composes it: log-probabilities, then the ones that were meant."""

from __future__ import annotations

from tfspec.shadow.autocast import in_full
from tfspec.shadow.autograd import closed, opened
from tfspec.shadow.norms import log_softmax
from tfspec.shadow.tensor import Tensor, fresh


@in_full("cpu")
def cross_entropy(input: Tensor, target: Tensor) -> Tensor:
    """input [N, classes] and target [N], or [classes] and []: their mean."""
    return _nll(log_softmax(input), target)


def _nll(scores: Tensor, target: Tensor) -> Tensor:
    node, had = opened("NllLoss", (scores,), (scores, target)), scores.shape
    out = fresh("nll_loss", (scores, target), ())
    weight = fresh("total_weight", (scores,), ())
    return closed(node, out, lambda g: [fresh("nll_loss_backward", g, had)], (weight,))
