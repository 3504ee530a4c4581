"""The knob `rope` of `attend`: rotary positions."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.construct.rules import NO_AXIS
from tfspec.diagnostics import Label, Rule, Span, nearest
from tfspec.graph.space import Axis
from tfspec.layers.longest import longest
from tfspec.layers.rotary_scaling import RopeScaling
from tfspec.layers.scale import positive_number
from tfspec.ops.rotary import RotaryTable, Rotate
from tfspec.spec.located import Located
from tfspec.spec.types import AxisNames, Flag, Rate
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.layers.attend import Attend

UNPAIRED = Rule(
    "TS232",
    "rotary features that do not come in pairs",
    "`rope` turns head_dim · partial features of a head, cut evenly among the axes of `over`, and "
    "this gives an axis an odd number, a fraction, or none.",
    "It turns features two by two, each pair by an angle (Su et al. 2021).",
    "attend: {heads: 8, head_dim: 25, rope: 10000}",
    "Take an even head_dim, or turn fewer features: `partial: 24 / 25`.",
)
NOT_SELF = Rule(
    "TS233",
    "rotary positions in attention to another value",
    "`rope` is given to an attention whose keys come from elsewhere.",
    "It makes scores depend on the distance from query to key; tokens of two values have none.",
    "attend: {to: memory, heads: 8, rope: 10000}",
    "Leave `rope` out there: `none` unsets it in a block that extends another.",
)


class Rope(Located):
    """Rotary positions of queries and keys (Su et al. 2021)."""

    called: ClassVar[str] = "`rope`"
    shorthand: ClassVar[str | None] = "base"

    base: Rate = Field(description="wavelengths grow from 2π to 2π·base")
    partial: Rate | None = Field(
        None,
        description="the share of head_dim that turns, from its first feature on (Black et al. "
        "2022)",
    )
    interleaved: Flag | None = Field(
        None, description="pairs are neighbours, not halves (Su et al. 2021)"
    )
    scaling: RopeScaling | None = Field(
        None, description="stretching for longer texts (Chen et al. 2023)"
    )
    over: AxisNames | None = Field(
        None,
        description="axes of a grid, each of which turns an equal share of the features: [H, W] "
        "(Heo et al. 2024)",
    )

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(partial=1, interleaved=False)

    def op(
        self, g: Builder, layer: Attend, head_dim: Dim, x: Tensor, source: Tensor | None
    ) -> Rotate:
        """What turns queries and keys of x, with every size checked."""
        if source is not None:
            message = "`rope` compares positions in one sequence, and here the keys are another's"
            came = [Label(layer.span_of("to"), "the keys come from here")]
            help = ["leave `rope` out here"]
            raise g.refuse(NOT_SELF, message, layer.key_span("rope"), came=came, help=help)
        for knob in ("window", "over"):
            if getattr(layer, knob) is not None:
                raise g.not_yet(f"`rope` beside `{knob}`", layer.key_span("rope"))
        axes = self._axes(g, x)
        base = positive_number(g, "base", self.base, x)
        width = self._width(g, layer, head_dim, x)
        settings = self.scaling.settings(g, x) if self.scaling else ()
        table = RotaryTable(
            self._rows(g, x), width, base, self.scaling.kind if self.scaling else None, settings
        )
        only = [part.axes for part in x.space.parts] == [tuple(axes)]
        names = () if only and len(axes) == 1 else tuple(axis.name for axis in axes)
        return Rotate(table, names, bool(self.interleaved))

    def _axes(self, g: Builder, x: Tensor) -> list[Axis]:
        known = {axis.name: axis for part in x.space.parts for axis in part.axes}
        for name in self.over or ():
            if name not in known:
                near = nearest(name, known)
                help = [f"did you mean `{near}`?" if near else f"its axes: {', '.join(known)}"]
                message = f"the value here has no axis `{name}`"
                raise g.refuse(NO_AXIS, message, name.span, help=help)
        return [known[name] for name in self.over or ()]

    def _rows(self, g: Builder, x: Tensor) -> Dim:
        """One for each coordinate on the longest axis, or for each token."""
        if self.over is None:
            return longest(g, x.space.length, self.span)
        lengths = [g.facts.value(longest(g, axis.size, self.span)) for axis in self._axes(g, x)]
        return Dim.of(max(length or 0 for length in lengths))

    def _width(self, g: Builder, layer: Attend, head_dim: Dim, x: Tensor) -> Dim:
        """How many features turn for each axis."""
        size = g.facts.value(head_dim)
        assert size is not None
        axes = len(self.over or ("all",))
        turning = self._share(g, x) * size
        if turning % (2 * axes) == 0:
            return head_dim.exact_div(axes) if turning == size else Dim.of(int(turning / axes))
        came = g.declared(*sorted(head_dim.symbols))
        if layer.head_dim is not None:
            came = [Label(layer.span_of("head_dim"), "head_dim comes from here")]
        message = f"`rope` turns features in pairs, and head_dim is {size}"
        if axes > 1:
            message = f"{float(turning):g} rotary features cannot be cut into pairs for {axes} axes"
        elif self.partial is not None:
            part = f"{self.partial.text} of {size} is {float(turning):g}"
            message = f"`rope` turns features in pairs, and {part}"
        help = self._mended(turning, size, 2 * axes)
        raise g.refuse(UNPAIRED, message, self._place, came=came, help=help)

    def _share(self, g: Builder, x: Tensor) -> Fraction:
        """The share of the features that turns, as it is meant: 0.7 is 7/10."""
        if self.partial is None:
            return Fraction(1)
        share = g.number(self.partial, x)
        if 0 < share <= 1:
            return Fraction(share).limit_denominator(1 << 20)
        message = f"`partial` is a share above 0 and at most 1, and {share:g} is not"
        raise g.refuse(UNPAIRED, message, self.partial.span)

    @property
    def _place(self) -> Span:
        """What says how many features turn."""
        knob = "over" if self.over is not None else "base" if self.partial is None else "partial"
        return self.span_of(knob)

    def _mended(self, turning: Fraction, size: int, step: int) -> list[str]:
        """The largest number of features that can be cut, as a share of the head's."""
        fewer = int(turning / step) * step
        partial = f"`partial: {fewer} / {size}` turns {fewer}"
        if self.partial is not None and fewer:
            return [partial]
        grow = "use an even head_dim" if step == 2 else f"use a head_dim that {step} divides"
        return [f"{grow}, or turn fewer: {partial}" if fewer else grow]
