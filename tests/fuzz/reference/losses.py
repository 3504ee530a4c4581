"""Losses from their definitions, word by word and row by row."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

PADDING = -100


def value(kind: str, out: Tensor, labels: Tensor | None) -> float:
    """The loss of an output; not a number where nothing is to be told."""
    return LOSSES[kind](out.double(), labels)


def _classes(out: Tensor, labels: Tensor | None) -> float:
    assert labels is not None
    rows = zip(out.reshape(-1, out.shape[-1]), labels.flatten().tolist(), strict=True)
    return _mean([_surprise(row, label) for row, label in rows if label != PADDING])


def _next(out: Tensor, labels: Tensor | None) -> float:
    """Each word by what stands one before it: the first is told by none."""
    assert labels is not None
    return _classes(out[..., :-1, :], labels[..., 1:])


def _pairs(out: Tensor, labels: Tensor | None) -> float:
    """Row i belongs to column i, and column i to row i."""
    both = [each for table in (out, out.T) for each in enumerate(table)]
    return _mean([_surprise(row, at) for at, row in both])


def _sigmoid(out: Tensor, labels: Tensor | None) -> float:
    total = 0.0
    for i, row in enumerate(out.tolist()):
        for j, number in enumerate(row):
            total += _softplus(-number if i == j else number)
    return total / len(out)


def _squares(out: Tensor, labels: Tensor | None) -> float:
    assert labels is not None
    pairs = zip(out.flatten().tolist(), labels.flatten().tolist(), strict=True)
    return _mean([(a - b) ** 2 for a, b in pairs])


def _surprise(row: Tensor, label: int) -> float:
    """-log softmax(row)[label]"""
    top = row.max().item()
    return top + math.log(torch.exp(row - top).sum().item()) - row[label].item()


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else math.nan


LOSSES: dict[str, Callable[[Tensor, Tensor | None], float]] = {
    "next-token": _next,
    "shifted": _classes,
    "masked-word": _classes,
    "cross-entropy": _classes,
    "contrastive": _pairs,
    "sigmoid": _sigmoid,
    "regression": _squares,
}
