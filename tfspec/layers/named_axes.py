"""Axes that a step names: they are the value's, each named once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tfspec.construct.rules import AXIS_TWICE, NO_AXIS
from tfspec.graph.space import Axis

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.spec.located_values import LocatedStr


def named_axes(
    g: Builder, axes: Iterable[Axis], names: Sequence[LocatedStr], knob: str, what: str
) -> tuple[Axis, ...]:
    """Those of the axes that a knob names, in its order; `what` is what has the axes, in words.

    Raises Stop for one that is not there, or twice.
    """
    known = {axis.name: axis for axis in axes}
    for at, name in enumerate(names):
        if name not in known:
            help = [f"its axes: {', '.join(known)}"] if known else []
            raise g.refuse(NO_AXIS, f"{what} no axis `{name}`", name.span, help=help)
        if name in names[:at]:
            raise g.refuse(AXIS_TWICE, f"`{knob}` names axis `{name}` twice", name.span)
    return tuple(known[name] for name in names)
