"""Branches put together: sums of sums, columns that fork, and what a series reads elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.parts import Fan, Item, Series, boxes


def forked(column: Series, at: int, head: Sequence[Item]) -> Series:
    """A column that goes two ways from an item on, or one more way where it forks there."""
    rest = column.items[at:]
    if not rest:
        return Series((*column.items, *head))
    fork = rest[0]
    forked = isinstance(fork, Fan) and fork.join is None
    before = fork.branches if isinstance(fork, Fan) and forked else (Series(rest),)
    return Series((*column.items[:at], Fan((*before, Series(head)), None, split=True)))


def flat(fan: Fan, uses: Mapping[Tensor, int]) -> Fan:
    """A sum of sums is one sum, where nothing else reads the inner one."""
    join = fan.join
    if join is None or join.form != "sign":
        return fan
    branches: list[Series] = []
    for branch in fan.branches:
        only = branch.items[0] if len(branch.items) == 1 else None
        inner = only.join if isinstance(only, Fan) and only.split == fan.split else None
        if isinstance(only, Fan) and inner and inner.title == join.title and uses[inner.made] == 1:
            branches += only.branches
            join = replace(join, nodes=(*inner.nodes, *join.nodes))
        else:
            branches.append(branch)
    return Fan(tuple(branches), join, fan.split)


def met(fan: Fan, uses: Mapping[Tensor, int]) -> Fan:
    """A branch that ends in a sum of its own, before a sum that nothing else reads it but: its own
    branches lead to the outer one, as those of parallel attention and MLP do."""
    join = fan.join
    if join is None or join.form != "sign" or not fan.split:
        return fan
    branches: list[Series] = []
    for branch in fan.branches:
        last = branch.items[-1] if len(branch.items) > 1 else None
        inner = last.join if isinstance(last, Fan) and all(b.items for b in last.branches) else None
        if isinstance(last, Fan) and inner and inner.title == join.title and uses[inner.made] == 1:
            branch = Series((*branch.items[:-1], replace(last, join=None, meet=True)))
            join = replace(join, nodes=(*inner.nodes, *join.nodes))
        branches.append(branch)
    return Fan(tuple(branches), join, fan.split)


def wanted(series: Series) -> list[Tensor]:
    """Values that boxes read from elsewhere, in order."""
    return list(dict.fromkeys(tensor for box in boxes(series) for tensor in box.reads))
