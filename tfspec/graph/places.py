"""Where the tokens of a part lie among all, and how an index there tells a coordinate."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.graph.space import Space
from tfspec.symbolic import Dim, product


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part lies, and a coordinate in it: (index - start) // step, of `extent` values.

    `part` is the part's number; `outer` says that no axis of the part is slower than this one.
    """

    part: int
    start: Dim
    step: Dim
    extent: Dim
    outer: bool


def start(space: Space, part: int) -> Dim:
    """How many tokens come before a part."""
    return sum((each.length for each in space.parts[:part]), Dim.of(0))


def place(space: Space, part: int, axis: str) -> Place | None:
    """The axis in a part, if it is there."""
    axes = space.parts[part].axes
    at = next((at for at, each in enumerate(axes) if each.name == axis), None)
    if at is None:
        return None
    step = product(each.size for each in axes[at + 1 :])
    return Place(part, start(space, part), step, axes[at].size, outer=at == 0)
