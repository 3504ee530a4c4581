"""What knobs that cut a grid have in common: which axes, and that the tiles fit exactly."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from tfspec.construct.rules import NO_AXIS
from tfspec.graph.space import Axis, Part
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.diagnostics import Span
    from tfspec.graph.tensor import Tensor
    from tfspec.spec.expression import SizeExpr
    from tfspec.spec.table import Table
    from tfspec.spec.types import AxisSizes

MOST_AXES = 3  # of torch's convolutions


def the_grid(g: Builder, what: str, x: Tensor, sizes: Table[SizeExpr], place: Span) -> Part:
    """The one part of a value, which has all these axes, or the spec is refused."""
    check_axes(g, x, sizes)
    if len(x.space.parts) != 1:
        raise g.not_yet(f"`{what}` of a value of several parts", place)
    return x.space.parts[0]


def moved_over(
    g: Builder, what: str, x: Tensor, sizes: Table[SizeExpr], place: Span, why: str
) -> Part:
    """The part of a value along whose last axes a convolution moves, or the spec is refused."""
    check_axes(g, x, sizes, why)
    part = the_grid(g, what, x, sizes, place)
    if not x.space.batch:
        raise g.not_yet(f"`{what}` of a value without batch axes", place)
    named = [axis.name in sizes for axis in part.axes]
    if named != sorted(named):
        behind = part.axes[-1].name
        ways = [
            f"put features of an input in brackets, as `({behind})`",
            f"or let the axes of `{what}` stand last",
        ]
        raise g.not_yet(f"`{what}` along axes that stand before others", place, ways)
    if len(sizes) > MOST_AXES:
        raise g.not_yet(f"`{what}` along more than {MOST_AXES} axes", place)
    return part


def check_axes(g: Builder, x: Tensor, sizes: Table[SizeExpr], why: str = "to cut") -> None:
    """The value has all these axes, or the spec is refused."""
    names = [axis.name for part in x.space.parts for axis in part.axes]
    for name in sizes:
        if name not in names:
            message = f"the value here has no axis `{name}` {why}"
            help = [f"its axes: {', '.join(names)}"] if names else []
            raise g.refuse(NO_AXIS, message, sizes.span_of(name), help=help)


def cut_axes(
    g: Builder, x: Tensor, grid: Iterable[Axis], sizes: AxisSizes, what: str
) -> dict[str, Dim]:
    """The size of a tile along each named axis, proved to divide it, in the order written."""
    axes = {axis.name: axis for axis in grid}
    found: dict[str, Dim] = {}
    for name, size in sizes.items():
        tile = g.size(size, x)
        axis = axes[name]
        message = partial(_uneven, g, axis, tile, what)
        g.divides(tile, axis.size, sizes.span_of(name), message, axis=axis)
        found[name] = tile
    return found


def _uneven(g: Builder, axis: Axis, tile: Dim, what: str) -> str:
    whole = g.facts.value(axis.size)
    many = "cannot always" if whole is None else f"of {whole} cannot"
    return f"axis {axis.name} {many} be cut into {what} of {g.facts.show(tile)}"
