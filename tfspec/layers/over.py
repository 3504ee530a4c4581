"""The knob `over` of `attend`: the axes that attend; tokens that differ in others do not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.construct.rules import NO_AXIS
from tfspec.graph.space import Axis, Part, Space
from tfspec.ops.over import Divided
from tfspec.symbolic import product

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.layers.attend import Attend


def read_over(g: Builder, layer: Attend, x: Tensor, source: Tensor) -> Divided | None:
    """How an attention divides the tokens of x into such as meet; None where all of them do."""
    if layer.over is None:
        return None
    axes = {axis.name: axis for part in x.space.parts for axis in part.axes}
    over = [str(name) for name in layer.over]
    for name in layer.over:
        if str(name) not in axes:
            known = ", ".join(axes)
            message = f"the value here has no axis `{name}` to attend along"
            raise g.refuse(NO_AXIS, message, name.span, help=[f"its axes: {known}"])
    moved = tuple(axis for axis in axes.values() if axis.name not in over)
    place = layer.key_span("over")
    if not moved:
        return None
    if source is not x:
        raise g.not_yet("`over` on attention to another value", place)
    if layer.window is not None:
        raise g.not_yet("`over` beside `window`", place)
    for part in x.space.parts:
        there = [axis for axis in part.axes if axis in moved]
        if there and there != list(moved):
            raise g.not_yet(f"`over` where part `{part.name}` has only some other axes", place)
    return Divided(x.space, _inside(g, x.space, moved), tuple(axis.name for axis in moved))


def _inside(g: Builder, space: Space, moved: tuple[Axis, ...]) -> Space:
    """The tokens that meet: the other axes are one more batch axis."""
    (first, *rest) = moved
    one = Axis("·".join(axis.name for axis in moved), product(axis.size for axis in moved))
    parts = (
        Part(part.name, tuple(axis for axis in part.axes if axis not in moved))
        for part in space.parts
    )
    return g.tokens(Space((*space.batch, one if rest else first), tuple(parts)))
