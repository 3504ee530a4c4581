"""Branches put together: sums of sums, columns that fork, and what a series reads elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tfspec.graph.tensor import Tensor
from tfspec.passes.draw.parts import Box, Fan, Item, Series, boxes


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
    join = _sign(fan)
    if join is None:
        return fan
    branches: list[Series] = []
    for branch in fan.branches:
        only = branch.items[0] if len(branch.items) == 1 else None
        inner = _sign(only)
        same = inner is not None and inner.title == join.title and uses[inner.made] == 1
        if isinstance(only, Fan) and only.split == fan.split and inner and same:
            branches += only.branches
            join = replace(join, nodes=(*inner.nodes, *join.nodes))
        else:
            branches.append(branch)
    return Fan(tuple(branches), join, fan.split)


def met(fan: Fan, uses: Mapping[Tensor, int]) -> Fan:
    """A branch that ends in a sum of its own, before a sum that nothing else reads it but: its own
    branches lead to the outer one, as those of parallel attention and MLP do."""
    join = _sign(fan)
    if join is None or not fan.split:
        return fan
    branches: list[Series] = []
    for branch in fan.branches:
        last = branch.items[-1] if len(branch.items) > 1 else None
        inner = _sign(last)
        same = inner is not None and inner.title == join.title and uses[inner.made] == 1
        if isinstance(last, Fan) and all(b.items for b in last.branches) and inner and same:
            branch = Series((*branch.items[:-1], replace(last, join=None, meet=True)))
            join = replace(join, nodes=(*inner.nodes, *join.nodes))
        branches.append(branch)
    return Fan(tuple(branches), join, fan.split)


def _sign(item: Item | None) -> Box | None:
    """The sign, of a sum for instance, that branches end in."""
    join = item.join if isinstance(item, Fan) else None
    return join if isinstance(join, Box) and join.form == "sign" else None


def wanted(series: Series) -> list[Tensor]:
    """Values that boxes read from elsewhere, in order."""
    return list(dict.fromkeys(tensor for box in boxes(series) for tensor in box.reads))
