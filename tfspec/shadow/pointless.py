"""Pairs of views of which the second undoes the first: a compiler leaves both out.

Source: torch 2.13, `torch/_inductor/fx_passes/joint_graph.py`, `pointless_view_pair` and
`pointless_permute_pair`.
"""

from __future__ import annotations

from collections.abc import Iterable

from tfspec.shadow.joint import Step

RESHAPES = frozenset({"View", "UnsafeView"})
ORDERS = frozenset({"Permute", "Transpose", "T"})


def without_pairs(steps: Iterable[Step], run: set[Step]) -> None:
    """Take pairs out of `run`, the last first. `steps` are all of them, in order."""
    alive = _alive(steps, run)
    for step in reversed(alive):
        if step in run and step.parents and _undone(step, alive):
            first = step.parents[0]
            _replace(step, first.parents[0])
            first.parents[0].users.remove(first)
            run -= {step, first}


def _alive(steps: Iterable[Step], run: set[Step]) -> dict[Step, None]:
    """What forward and backward are made of, in order."""
    found: dict[Step, None] = {}
    for step in reversed([*steps]):
        if step.needed or step in run or any(user in found for user in step.users):
            found[step] = None
    return dict(reversed(found.items()))


def _undone(step: Step, alive: dict[Step, None]) -> bool:
    """Whether it has its parent's parent's layout again, and nothing else reads the parent."""
    first = step.parents[0]
    if step.seen is None or first.seen is None or first.needed:
        return False
    if [user for user in first.users if user in alive] != [step]:
        return False
    (shape, strides), _ = first.seen
    _, (again, laid) = step.seen
    if {step.op, first.op} <= RESHAPES:
        return again == shape
    return {step.op, first.op} <= ORDERS and (again, laid) == (shape, strides)


def _replace(step: Step, by: Step) -> None:
    """Let what reads a step read another."""
    by.near, by.far = by.near or step.near, by.far or step.far
    for user in step.users:
        user.parents = tuple([by if each is step else each for each in user.parents])
        user.sized = tuple([by if each is step else each for each in user.sized])
        if user not in by.users:
            by.users.append(user)
    step.users = []
