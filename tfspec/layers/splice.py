"""The step `splice`: some tokens replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.construct.rules import NO_AXIS
from tfspec.diagnostics import Label, Rule, Span
from tfspec.graph.mask import Mask
from tfspec.graph.mask_guards import total
from tfspec.graph.mask_pairs import Pairs
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.layers.attend_mask import Reading
from tfspec.layers.base import Layer
from tfspec.layers.combine import vectors
from tfspec.layers.mask_names import MaskNames
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
ORDER = Rule(
    "TS272",
    "an order of tokens in a splice",
    "`causal` or `within` is used in `at` of a `splice`.",
    "They compare a query with a key, and a splice asks each token by itself.",
    "splice: {at: causal, from: {learn: {width: 64}}}",
    "Say which tokens: a flag, a part, or a comparison such as `pos < 4` or `tokens == slot`.",
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
        names = MaskNames(g, Pairs(g.facts, x.space, x.space, own=True), self.span_of("at"))
        asked = Reading(g, names).condition(_of_tokens(g, x, self.at.tree))
        tree = asked if isinstance(asked, bool) else total(names.pairs, asked)
        if isinstance(tree, bool):
            always = "true" if tree else "false"
            raise g.not_yet(f"`{self.at}`, which is {always} for all tokens,", self.at.span)
        mask = Mask(tree, text=str(self.at))
        return SpliceOp(mask, tuple(g.values[given.name] for given in mask.flags))(x, new)

    def _check_fit(self, g: Builder, x: Tensor, new: Tensor) -> None:
        place = last_place(self.source)
        if not g.same(x.width, new.width):
            message = f"`splice` needs equal widths, not {g.facts.show(new.width)} in "
            message += f"{g.facts.show(x.width)}"
            help = [f"end it with `linear: {x.width.ascii()}`, for instance"]
            raise g.refuse(UNFIT, message, Label(place, f"this is {g.shape(new)}"), help=help)
        if new.space.batch != (() if new.space.single else x.space.batch):
            raise g.not_yet("`splice` of tokens over other batch axes", place)
        if not new.space.single and len(x.space.batch) > 1:
            raise g.not_yet("`splice` of several tokens over several batch axes", place)

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
                raise g.not_yet(what, self.at.span)


def _of_tokens(g: Builder, x: Tensor, tree: sp.Condition) -> sp.Condition:
    """The condition as a mask has it that asks the query alone."""
    match tree:
        case sp.And(parts):
            return sp.And(tuple(_of_tokens(g, x, part) for part in parts))
        case sp.Or(parts):
            return sp.Or(tuple(_of_tokens(g, x, part) for part in parts))
        case sp.Not(part):
            return sp.Not(_of_tokens(g, x, part))
        case sp.Flag(_, name, span):
            if name not in g.spec.inputs:
                g.part(x, name, span)
            return sp.Flag("query", name, span)
        case sp.Compare(sign, left, right, span):
            return sp.Compare(sign, _own(g, x, left), _own(g, x, right), span)
        case sp.Causal() | sp.Within():
            message = f"`{tree}` compares a query with a key, and here is one token"
            help = ["write a flag, a part, or a comparison such as `pos < 4`"]
            raise g.refuse(ORDER, message, tree.span, help=help)


def _own(g: Builder, x: Tensor, value: sp.Value) -> sp.Value:
    """A bare name is the token's own, or a dim."""
    match value:
        case sp.Coordinate(_, name, span):
            if name != "pos" and x.space.axis(name) is None and name in g.dims:
                return value
            _check_axes(g, x, name, span)
            return sp.Coordinate("query", name, span)
        case sp.Absolute(inner):
            return sp.Absolute(_own(g, x, inner))
        case sp.Arithmetic(sign, left, right, span):
            return sp.Arithmetic(sign, _own(g, x, left), _own(g, x, right), span)
        case _:
            return value


def _check_axes(g: Builder, x: Tensor, name: str, place: Span) -> None:
    """The tokens have the axis, or those of the input, or the spec is refused."""
    given = g.values[name].space if name in g.spec.inputs else None
    wanted = [name] if given is None else [axis.name for axis in given.parts[0].axes]
    missing = [axis for axis in wanted if axis != "pos" and x.space.axis(axis) is None]
    if missing:
        over = "" if given is None else f", which `{name}` is over"
        known = ", ".join(axis.name for part in x.space.parts for axis in part.axes)
        message = f"the value here has no axis `{missing[0]}`{over}"
        raise g.refuse(NO_AXIS, message, place, help=[f"its axes: {known}"] if known else [])
