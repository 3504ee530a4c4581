"""The step `splice`: some tokens replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.diagnostics import Label, Rule
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.layers.base import Layer
from tfspec.layers.combine import vectors
from tfspec.layers.token_condition import read_tokens
from tfspec.ops.splice import Splice as SpliceOp
from tfspec.spec import predicate as sp
from tfspec.spec.pipeline import Pipeline, last_place
from tfspec.spec.types import PredicateField

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

UNFIT = Rule(
    "TS271",
    "a splice of what does not fit",
    "`splice` is given vectors of another width than the tokens have, or of other batches.",
    "What stands in a token's place is a token like the others.",
    "splice: {at: tokens == slot, from: [image, {linear: 32}]}  # on vectors of 64",
    "End the other pipeline with `linear: width`.",
)


class Splice(Layer):
    """Replaces tokens where true: by one token repeated, or by another value's tokens in order.

    `[..., N, width] -> [..., N, width]`, as masked patches (Bao et al. 2021) and images between
    words (Liu et al. 2023). A bool input that is left out when the model runs changes
    nothing.
    """

    step: ClassVar[str] = "splice"
    keeps_shape: ClassVar[bool] = True

    at: PredicateField = Field(description="which tokens: tokens == slot")
    source: Pipeline = Field(alias="from", description="what stands there instead")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if x.space.single:
            raise g.not_yet("`splice` of a single token", self.name_span)
        new = vectors(g, "splice", self.source, x)
        self._check_fit(g, x, new)
        self._check_flags(g, x, new)
        return SpliceOp(*read_tokens(g, self.at, x, "leave the splice out, or give"))(x, new)

    def _check_fit(self, g: Builder, x: Tensor, new: Tensor) -> None:
        place = last_place(self.source)
        if not g.same(x.width, new.width):
            message = f"`splice` needs equal widths, not {g.facts.show(new.width)} in "
            message += f"{g.facts.show(x.width)}"
            help = [f"end it with `linear: {x.width.ascii()}`, for instance"]
            raise g.refuse(UNFIT, message, Label(place, f"this is {g.shape(new)}"), help=help)
        if new.space.batch != (() if new.space.single else x.space.batch):
            raise g.not_yet("`splice` of tokens over other batch axes", place)
        if not new.space.single and len(x.space.batch) != 1:
            where = "over several batch axes" if x.space.batch else "without a batch"
            raise g.not_yet(f"`splice` of several tokens {where}", place)

    def _check_flags(self, g: Builder, x: Tensor, new: Tensor) -> None:
        """A flag that may be left out stands alone, in the tokens' own order."""
        flags = [g.values.get(each.name, UNKNOWN) for each in self.at.mentions()]
        own = [axis.name for axis in (*x.space.batch, *x.space.parts[0].axes)]
        alone = isinstance(self.at.tree, sp.Flag) and len(x.space.parts) == 1
        for flag in flags:
            fits = alone and own == [axis.name for axis in flag.axes]
            if flag.kind == "bool" and not (fits and new.space.single):
                what = (
                    f"`{self.at}` in a `splice`, but for one flag of all tokens and one new token,"
                )
                way = f"give one bool input alone, its axes in the tokens' order: {' '.join(own)}"
                raise g.not_yet(what, self.at.span, [way] if len(x.space.parts) == 1 else [])
