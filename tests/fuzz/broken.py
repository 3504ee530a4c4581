"""How the oracle says that something is wrong, and how far apart two results are."""

from __future__ import annotations

import torch
from torch import Tensor


class Broken(AssertionError):
    """tfspec said or did what it must not."""


def require(holds: object, message: str) -> None:
    if not holds:
        raise Broken(message)


def distance(a: Tensor, b: Tensor) -> float:
    """The norm of the difference over the norm; 0 where both are not numbers at the same places."""
    if a.shape != b.shape:
        return float("inf")
    bad = ~torch.isfinite(a)
    if not torch.equal(bad, ~torch.isfinite(b)):
        return float("inf")
    a, b = a[~bad], b[~bad]
    if not a.numel():
        return 0.0
    largest = b.abs().max().clamp(min=1)  # the square of a large number is none
    a, b = a / largest, b / largest
    return float(((a - b).norm() / (b.norm() + 1e-6 / largest)).item())
