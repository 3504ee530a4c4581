"""Attention written out, which inductor takes for the fused op that it stands for.

Source: torch 2.13, `torch/_inductor/fx_passes/fuse_attention.py`: scaled scores without a mask,
softmax, perhaps dropout, and the values. Products read queries, keys and values as they are in
patterns 2 and 4 (with dropout), and copies of all three in pattern 28 (with dropout). In training
these are the ones of them that were seen to match what tfspec writes; others are left as written.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.shadow.joint import Joint
from tfspec.shadow.strides import numel, viewed
from tfspec.shadow.tensor import Tensor

Pair = tuple[Tensor, Tensor]
NEXT = {
    ("scores", "mul"): "scaled",
    ("scaled", "softmax"): "weights",
    ("weights", "dropout"): "dropped",
}


def follow(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> None:
    """One op more may be one step further in the pattern."""
    if not of or of[0].step not in joint.chains:
        return
    stage, pair = joint.chains[of[0].step]
    then = NEXT.get((stage, op))
    scaled = op != "mul" or (len(of) == 1 and isinstance(by, float))
    if then is not None and scaled and out.step is not None:
        joint.chains[out.step] = (then, pair)


def begin(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Scores of queries a and turned keys b, [..., h, N, k] each, are where it begins."""
    joint = a.machine.joint
    many = len(a.shape) == len(b.shape) > 3
    matched = many and _products(a, b) and copied(a) == copied(b)
    if joint is not None and matched and out.step is not None:
        joint.chains[out.step] = ("scores", (a, b))


def whole(weights: Tensor, values: Tensor) -> Pair | None:
    """The queries and turned keys of weights, where all of a pattern is there."""
    joint = weights.machine.joint
    if joint is None or weights.step not in joint.chains:
        return None
    stage, pair = joint.chains[weights.step]
    copies = copied(values)
    dropped = stage == "dropped" or (stage == "weights" and not copies)
    matched = dropped and _products(weights, values)
    return pair if matched and copies == copied(pair[0]) else None


def _products(a: Tensor, b: Tensor) -> bool:
    """Whether a b, and both of its backward, stay products: over one row, column or number `bmm`
    is taken apart, and is no part of a pattern."""
    return min(*a.shape[-2:], b.shape[-1]) > 1


def drops(weights: Tensor) -> bool:
    """Whether weights that are a part of a pattern have dropout."""
    joint = weights.machine.joint
    return joint is not None and joint.chains[weights.step][0] == "dropped"


def copied(x: Tensor) -> bool:
    """Whether a product copies x, since its leading axes do not merge."""
    return viewed(x.shape, x.strides, (numel(x.shape[:-2]), *x.shape[-2:])) is None
