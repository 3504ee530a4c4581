"""What is known of every token of a value: its coordinates, its part, its numbers in an input."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from tests.fuzz.reference.value import Val

Place = tuple[str, dict[str, int]]


def places(x: Val) -> list[Place]:
    """Part and coordinates of every token, in order."""
    found: list[Place] = []
    for name, axes in x.parts:
        for at in itertools.product(*(range(size) for _, size in axes)):
            found.append((name, dict(zip((axis for axis, _ in axes), at, strict=True))))
    return found


def coordinates(x: Val, axis: str) -> tuple[Tensor, Tensor]:
    """The coordinate of every token on an axis, and whether it has one."""
    at = [each.get(axis) for _, each in places(x)]
    return (
        torch.tensor([0 if each is None else each for each in at]),
        torch.tensor([each is not None for each in at]),
    )


def extent(x: Val, axis: str) -> int:
    """The length of an axis."""
    return next(size for _, axes in x.parts for name, size in axes if name == axis)


def looked_up(x: Val, given: Tensor, axes: list[str], batches: set[str]) -> tuple[Tensor, Tensor]:
    """An input's number for every token, [count, tokens] over all batches, and whether it has one.

    A token has one where it has all the axes of the input that are not batches.
    """
    own = [axis for axis in axes if axis not in batches]
    shape = x.data.shape[: len(x.batch)]
    rows: list[Tensor] = []
    for at in itertools.product(*(range(size) for size in shape)):
        batch = dict(zip(x.batch, at, strict=True))
        row: list[Tensor] = []
        for _, place in places(x):
            index = [place.get(axis, 0) if axis in own else batch[axis] for axis in axes]
            row.append(given[tuple(index)])
        rows.append(torch.stack(row))
    has = torch.tensor([set(own) <= place.keys() for _, place in places(x)])
    return torch.stack(rows), has
