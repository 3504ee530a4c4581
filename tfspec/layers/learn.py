"""The sources `learn` and `zeros`: tokens that no input brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.construct.rules import IDLE_KNOB
from tfspec.diagnostics import Rule
from tfspec.graph.space import Axis, Part, Space
from tfspec.layers.base import Layer, Reads
from tfspec.layers.combine import vectors
from tfspec.ops import tokens as ops
from tfspec.ops.zeros import Zeros as Constant
from tfspec.ops.zeros import ZerosLike
from tfspec.spec.parts import ShareField
from tfspec.spec.pipeline import Source
from tfspec.spec.types import NewAxes, Size

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

NO_SPACE = Rule(
    "TS259",
    "zeros in no space",
    "`zeros` is given neither a value nor the width of new tokens.",
    "Zeros are as many as a value has numbers.",
    "[{zeros: {axes: {R: 100}}}, {stack: {of: decoder, depth: 6}}]",
    "Name the value whose space they have, or give them a width.",
)


class Learn(Layer):
    """Learned tokens: `-> [axes..., width]`; without axes, one token (Jaegle et al. 2021)."""

    step: ClassVar[str] = "learn"
    reads: ClassVar[Reads] = "nothing"

    axes: NewAxes | None = Field(None, description="the axes and their sizes: {R: 64}")
    width: Size = Field(description="features of a token")
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        part, width = _part(g, self.axes, "learned"), g.fixed_size(self.width)
        shape = (part.length, width) if part.axes else (width,)
        group = g.group(self.share, "learn", "", shape)
        return ops.Learn(part, width)(group=group)


class Zeros(Layer):
    """Zeros, in the space of another value, or in a new one: `-> [axes..., width]`.

    As what object queries start from, before their positions are added (Carion et al. 2020).
    """

    step: ClassVar[str] = "zeros"
    reads: ClassVar[Reads] = "nothing"
    shorthand: ClassVar[str | None] = "like"

    like: Source | None = Field(None, description="the value whose tokens and width the zeros have")
    axes: NewAxes | None = Field(None, description="the axes and their sizes: {R: 64}")
    width: Size | None = Field(None, description="features of a token")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        self._check_knobs(g)
        if self.like is None:
            assert self.width is not None, "it was checked"
            part = _part(g, self.axes, "zeros")
            return Constant(part, g.fixed_size(self.width))()
        value = vectors(g, "zeros", self.like, None)
        part, *others = value.space.parts
        fixed = all(g.facts.value(size) is not None for size in value.shape)
        alone = fixed and not others and not value.space.batch
        return Constant(part, value.width)() if alone else ZerosLike()(value)

    def _check_knobs(self, g: Builder) -> None:
        """It is in the space of a value, or in a new one."""
        for knob in ("axes", "width"):
            if self.like is not None and getattr(self, knob) is not None:
                message = f"`{knob}` changes nothing: zeros are in the space of `{self.like.name}`"
                raise g.refuse(IDLE_KNOB, message, self.key_span(knob), help=["leave it out"])
        if self.like is None and self.width is None:
            message = "`zeros` takes a value whose space it has, or a new one's axes and width"
            help = ["write `zeros: NAME`, or give it a `width`"]
            raise g.refuse(NO_SPACE, message, self.name_span, help=help)


def _part(g: Builder, axes: NewAxes | None, name: str) -> Part:
    """New tokens over these axes, called after their stream; without axes, one token."""
    made = tuple(Axis(each, g.fixed_size(size)) for each, size in (axes or {}).items())
    part = Part(g.stream or name, made)
    g.tokens(Space((), (part,)))
    return part
