"""The step `sinusoid`: a number to sines and cosines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.diagnostics import Label, Rule
from tfspec.layers.base import Layer
from tfspec.layers.pos import ODD_WIDTH
from tfspec.layers.scale import positive_number
from tfspec.ops import sinusoids as ops
from tfspec.ops.sinusoids import Layout
from tfspec.spec.types import Rate, Size
from tfspec.symbolic import Dim
from tfspec.symbolic.claims import Proved

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

NOT_A_NUMBER = Rule(
    "TS295",
    "sinusoids of a vector",
    "`sinusoid` is given vectors of several features.",
    "It shows one number, such as the time of a diffusion step, at many rates.",
    "inputs: {state: float B (17)}  # [state, {sinusoid: 256}]",
    "Give it an input of one number, `time: float B`, or the features of the vector by `linear`.",
)


class Sinusoid(Layer):
    """A number to sines and cosines: `[..., 1] -> [..., width]` (Vaswani et al. 2017).

    sin(x / base^(2j/width)) and cos of the same, for every j below width / 2.
    """

    step: ClassVar[str] = "sinusoid"
    shorthand: ClassVar[str | None] = "width"

    width: Size = Field(description="features: half sines, half cosines")
    base: Rate | None = Field(
        None, description="wavelengths grow from 2π to 2π·base; default 10000"
    )
    layout: Layout | None = Field(
        None, description="sines and cosines in turns, all sines first, or all cosines"
    )

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(base=10000, layout="interleaved")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if not g.same(x.width, Dim.of(1)):
            message = f"`sinusoid` shows one number, and the value here has {g.facts.show(x.width)}"
            label = Label(self.name_span, f"this is {g.shape(x)}")
            raise g.refuse(NOT_A_NUMBER, message, label, help=["`linear: 1` makes one of them"])
        width = g.fixed_size(self.width, x)
        if not isinstance(g.facts.divides(Dim.of(2), width), Proved):
            message = f"sines and cosines come in pairs, and the width is {g.facts.show(width)}"
            raise g.refuse(ODD_WIDTH, message, self.width.span, help=["use an even width"])
        base = 10000.0 if self.base is None else positive_number(g, "base", self.base, x)
        return ops.Sinusoid(width, base, self.layout or "interleaved")(x)
