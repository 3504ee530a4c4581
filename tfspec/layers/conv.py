"""The step `conv`: a convolution along axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.construct.rules import IDLE_KNOB, UNDECIDED
from tfspec.diagnostics import Label, Rule
from tfspec.graph.space import Axis, Part
from tfspec.layers.base import Layer
from tfspec.layers.tiles import moved_over
from tfspec.ops import conv as ops
from tfspec.spec.types import AxisCounts, AxisSizes, Flag, Size
from tfspec.symbolic import Dim
from tfspec.symbolic.claims import Refuted, Unknown

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

LONG_KERNEL = Rule(
    "TS270",
    "a convolution longer than its axis",
    "The kernel of a `conv` is longer than an axis and its padding are for an allowed value of the "
    "dims.",
    "There is no place for it, and nothing would come out.",
    "dims: {T: 1..1000}  # conv: {size: {T: 3}, width: 64}, and T may be 2",
    "Make the kernel shorter, pad the axis, or narrow the declaration of its dim.",
)


class Conv(Layer):
    """A convolution: an axis of L becomes (L + 2·pad - size) // stride + 1, features `width`.

    `[..., L, c] -> [..., L', width]`, each a linear map of the size·c numbers of a window, with
    zeros beyond the ends (LeCun et al. 1989). Axes without a size stay as they are.
    """

    step: ClassVar[str] = "conv"

    size: AxisSizes = Field(description="the kernel's size along each axis: {T: 3}")
    stride: AxisSizes | None = Field(None, description="step along each axis, default 1")
    pad: AxisCounts | None = Field(
        None,
        description="how many zeros stand beyond each end of an axis: {T: 1}; default 0 (LeCun et "
        "al. 1989)",
    )
    width: Size = Field(description="features of the result")
    bias: Flag | None = Field(None, description="default true")

    takes_raw: ClassVar[bool] = True

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(stride=1, pad=0, bias=True)

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        part = moved_over(g, "conv", x, self.size, self.name_span, "to move along")
        self._check_knobs(g)
        moves = {a.name: self._move(g, x, a) for a in part.axes if a.name in self.size}
        axes = tuple(self._moved(g, a, moves[a.name]) if a.name in moves else a for a in part.axes)
        space = g.tokens(x.space.with_parts(Part(g.stream or "tokens", axes)))
        sizes, steps, pads = zip(*moves.values(), strict=True)
        width, bias = g.fixed_size(self.width, x), self.bias is not False
        return ops.Conv(space, sizes, steps, pads, width, bias)(x, name=g.name("conv"))

    def _check_knobs(self, g: Builder) -> None:
        """A stride or padding of an axis without a size would change nothing."""
        for knob, given in (("stride", self.stride), ("pad", self.pad)):
            for name in given or ():
                if given is not None and name not in self.size:
                    message = f"`{knob}` of {name} changes nothing: there is no `size` along it"
                    help = ["leave it out, or give the kernel a size there"]
                    raise g.refuse(IDLE_KNOB, message, given.span_of(name), help=help)

    def _move(self, g: Builder, x: Tensor, axis: Axis) -> tuple[Dim, Dim, Dim]:
        """Size, stride and padding along an axis."""
        size = g.fixed_size(self.size[axis.name], x)
        step, pad = Dim.of(1), Dim.of(0)
        if self.stride is not None and axis.name in self.stride:
            step = g.fixed_size(self.stride[axis.name], x)
        if self.pad is not None and axis.name in self.pad:
            expr = self.pad[axis.name]
            pad = g.fixed(g.size(expr, x, least=0), expr.span)
        return size, step, pad

    def _moved(self, g: Builder, axis: Axis, move: tuple[Dim, Dim, Dim]) -> Axis:
        """The axis of as many windows as fit, of which there is one at every allowed size."""
        size, step, pad = move
        padded, place = axis.size + 2 * pad, self.size.span_of(axis.name)
        answer = g.facts.at_least(padded, size)
        came = g.declared(*sorted(padded.symbols | size.symbols))
        if isinstance(answer, Unknown):
            message = f"could neither prove nor refute that {size} fits into {padded} for all sizes"
            raise g.refuse(UNDECIDED, message, place, came=came, notes=[answer.why])
        if isinstance(answer, Refuted):
            long, shown = g.value_at(padded, answer), g.example(answer)
            message = f"a kernel of {g.facts.show(size)} does not fit into axis {axis.name}"
            label = f"it is {long} long{' with its padding' if pad.constant != 0 else ''}"
            label = f"{shown}: {label}" if shown else label
            help = [f"declare `{answer.mend}`"] if answer.mend else []
            help += ["pad the axis, or take a shorter kernel"]
            raise g.refuse(LONG_KERNEL, message, Label(place, label), came=came, help=help)
        return Axis(axis.name, (padded - size).floor_div(step) + 1)
