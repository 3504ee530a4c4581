"""Streams that run for each place of some axes: what they read, and what others read of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.construct.rules import NO_AXIS
from tfspec.graph.space import Part, Space
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.graph.trace import tracing
from tfspec.ops.tokens import AsTokens

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.spec.pipeline import Ref
    from tfspec.spec.schema import StreamDecl


def as_seen(g: Builder, value: Tensor, ref: Ref) -> Tensor:
    """A value as the running stream sees it, whose `per` axes are batch axes and no others are."""
    if value.unknown:
        return value
    own = [axis.name for axis in value.space.batch if g.spec.dims[axis.name].kind != "batch"]
    if own:
        if set(own) == set(g.per):
            return value
        if g.per:
            g.not_yet(f"`{ref.name}`, which runs per other axes than this stream,", ref.span)
            return UNKNOWN
        return _outside(g, value, own)
    if not any(value.space.axis(name) for name in g.per):
        return value
    if value not in g.top.inputs:
        g.not_yet(f"`{ref.name}`, no input and over an axis of `per`,", ref.span)
        return UNKNOWN
    return _inside(g, value)


def check_axes(g: Builder, decl: StreamDecl, value: Tensor) -> None:
    """Each axis of `per` is one of the stream's values."""
    for name in () if value.unknown else decl.per or ():
        message = f"nothing that this stream reads has an axis `{name}`"
        if name in g.spec.dims and g.spec.dims[name].kind == "batch":
            message = f"`{name}` is a batch, and every stream runs for each of its places"
        elif value.space.axis(name) is not None:
            continue
        g.refuse(NO_AXIS, message, name.span, help=["leave it out of `per`"])


def _inside(g: Builder, value: Tensor) -> Tensor:
    """An input with the axes of `per` behind its batch axes; its numbers lie as they are."""
    (part,) = value.space.parts
    batch = (*value.space.batch, *(axis for axis in part.axes if axis.name in g.per))
    rest = tuple(axis for axis in part.axes if axis.name not in g.per)
    return replace(value, space=Space(batch, (Part(part.name, rest),)), raw=True, of=value)


def _outside(g: Builder, value: Tensor, own: list[str]) -> Tensor:
    """The axes of `per` as the first axes of every part: made once, where the stream is made."""
    if value not in g.outside:
        axes = tuple(axis for axis in value.space.batch if axis.name in own)
        batch = tuple(axis for axis in value.space.batch if axis not in axes)
        parts = (Part(part.name, (*axes, *part.axes)) for part in value.space.parts)
        with tracing(g.top):
            g.outside[value] = AsTokens(g.tokens(Space(batch, tuple(parts))))(value)
    return g.outside[value]
