"""Attention written out, which inductor takes for the fused op that it stands for.

Source: torch 2.13, `torch/_inductor/fx_passes/fuse_attention.py`, pattern 4: scaled scores without
a mask, softmax, dropout, and the values. In training it is the one pattern of them that was seen to
match what tfspec writes; others are left as they are written.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.shadow.joint import Joint
from tfspec.shadow.tensor import Tensor

Pair = tuple[Tensor, Tensor]
NEXT = {
    ("scores", "mul"): "scaled",
    ("scaled", "softmax"): "weights",
    ("weights", "dropout"): "end",
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
    """Scores of queries a and turned keys b, both [B, h, N, k], are where it begins."""
    joint = a.machine.joint
    if joint is not None and len(a.shape) == len(b.shape) == 4 and out.step is not None:
        joint.chains[out.step] = ("scores", (a, b))


def whole(weights: Tensor) -> Pair | None:
    """The queries and turned keys of weights with dropout, where all of the pattern is there."""
    joint = weights.machine.joint
    if joint is None or weights.step not in joint.chains:
        return None
    stage, pair = joint.chains[weights.step]
    return pair if stage == "end" else None
