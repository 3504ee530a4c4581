"""Modulation: what a norm and a residual branch take from a conditioning vector.

One vector decides factors and terms for every feature of another value (FiLM: Perez et al. 2018):
shift and scale behind a norm, and a gate before a branch is added (Peebles and Xie 2022).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.diagnostics import Label, Rule
from tfspec.layers.combine import vectors
from tfspec.ops import modulation as ops
from tfspec.spec.pipeline import last_place

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.spec.pipeline import Pipeline

OTHER_TOKENS = Rule(
    "TS296",
    "a modulation by other tokens",
    "`modulate`, or the `from` of a gate, reads a value that has neither one token nor the tokens "
    "of what it modulates.",
    "Each token needs one factor a feature: its own, or one for all tokens.",
    "norm: {modulate: text}  # 77 tokens, on an image of 256",
    "Make one token of it, by `pool` or `take`; attention reads other tokens.",
)


def modulated(g: Builder, source: Pipeline, x: Tensor) -> Tensor:
    """x·(1 + scale) + shift, both linear in the source: `[..., d] -> [..., d]`."""
    y = _read(g, "modulate", source, x)
    shift, scale = (_condition(g, role, "modulate", y, x) for role in ("shift", "scale"))
    return ops.Modulate()(x, shift, scale)


def gated(g: Builder, source: Pipeline, f: Tensor) -> Tensor:
    """f·gate, linear in the source: `[..., d] -> [..., d]`."""
    y = _read(g, "from", source, f)
    return ops.Gate()(f, _condition(g, "gate", "gate", y, f))


def _condition(g: Builder, role: ops.Role, start: str, y: Tensor, x: Tensor) -> Tensor:
    """What y says of every feature of x; it starts at 0 where the spec's `init` says so."""
    zero = g.starts_at_zero(start)
    op = ops.Condition(x.width, g.defaults.bias is not False, role=role, zero=zero)
    return op(y, name=g.name(role))


def _read(g: Builder, knob: str, source: Pipeline, x: Tensor) -> Tensor:
    """A source's value: one vector for all tokens of x, or one for each."""
    y = vectors(g, knob, source, x)
    known = y.space.batch in (x.space.batch, ())
    if known and (y.space.single or g.same_tokens(x.space, y.space)):
        return y
    place = last_place(source)
    if {*y.space.batch} == {*x.space.batch} and not known:
        what = "modulation by a value whose batch axes stand in another order"
        raise g.not_yet(what, place, ["declare both inputs with their batch axes in one order"])
    if not known or _some_axes(y, x):
        raise g.not_yet("modulation by a value over some of the axes", place)
    message = f"`{knob}` reads one token, or one for each of those here"
    label = Label(place, f"this is {g.shape(y)}, and what it modulates {g.shape(x)}")
    raise g.refuse(OTHER_TOKENS, message, label, help=["`pool` or `take` makes one token of it"])


def _some_axes(y: Tensor, x: Tensor) -> bool:
    """Whether all axes of y are axes of x, along whose others it would be repeated."""
    axes, others = ({axis.name for part in t.space.parts for axis in part.axes} for t in (y, x))
    return axes < others
