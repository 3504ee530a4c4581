"""The step `pos`: positions, learned or sinusoidal, added to tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field

from tfspec.construct.rules import IDLE_KNOB
from tfspec.diagnostics import Rule
from tfspec.layers.base import Layer
from tfspec.layers.longest import longest
from tfspec.layers.scale import positive_number
from tfspec.ops import positions as ops
from tfspec.spec.located import LATER, WRONG_TYPE, only, unknown_choice
from tfspec.spec.located_values import span_of
from tfspec.spec.parts import ShareField, Space, SpaceField
from tfspec.spec.types import Count, Rate, Size
from tfspec.spec.wrong import Wrong, diagnostic
from tfspec.symbolic.claims import Proved

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

NO_POSITIONS = Rule(
    "TS220",
    "positions of a single token",
    "`pos` is given a value that is one token, without axes.",
    "Without an axis there is no position.",
    "[{learn: {width: d}}, {pos: learned}]",
    "Leave `pos` out.",
)
ODD_WIDTH = Rule(
    "TS221",
    "sinusoidal positions of an odd width",
    "`pos: sinusoidal` is given vectors of an odd width.",
    "Sines and cosines come in pairs.",
    "embed: 63  # pos: sinusoidal",
    "Use an even width.",
)

_KINDS = ["learned", "sinusoidal"]


class Pos(Layer):
    """Adds a table of positions: `[..., width] -> [..., width]`.

    The table is over all tokens, or over a named space (`cls + H*W`), broadcast along the axes
    that it lacks. learned: weights `[rows, width]`. sinusoidal: a buffer, never a parameter,
    sin(p / base^(2k/width)) and cos of the same (Vaswani et al. 2017).
    """

    step: ClassVar[str] = "pos"

    learned: SpaceField | None = Field(None, description="a learned table over this space")
    sinusoidal: SpaceField | None = Field(None, description="fixed sines over this space")
    rows: Annotated[Size | None, LATER] = Field(
        None, description="rows of the table, if more than there are positions"
    )
    offset: Annotated[Count | None, LATER] = Field(None, description="row of the first position")
    share: ShareField | None = Field(None, description="weights of this name are the same weights")
    base: Rate | None = Field(None, description="of sinusoidal, default 10000")
    layout: Literal["interleaved", "halves"] | None = Field(
        None, description="of sinusoidal: sines and cosines in turns, or in halves"
    )

    @property
    def space(self) -> Space:
        """The space of the table."""
        return self.learned or self.sinusoidal or Space()

    def effective(self, bias: bool) -> Mapping[str, object]:
        kind = "learned" if self.learned else "sinusoidal"
        over = None if self.space.all_tokens else self.space.text
        found = {"kind": kind, "over": over, "learned": None, "sinusoidal": None}
        if self.learned:
            return {**found, **self.unwritten(offset=0)}
        return {**found, **self.unwritten(base=10000, layout="interleaved")}

    @classmethod
    def spread(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in _KINDS:
                raise unknown_choice(value, _KINDS)
            return only(value, Space(text=value))
        given = cast("dict[str, Any]", value if isinstance(value, dict) else {})
        if not isinstance(value, dict) or len(given.keys() & _KINDS) == 1:
            return cast("Any", value)
        found = diagnostic(WRONG_TYPE, "is either `learned` or `sinusoidal`", span_of(given))
        raise Wrong((found,), names_knob=False)

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"enum": _KINDS}]

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if x.space.single:
            message = "a single token has no positions"
            raise g.refuse(NO_POSITIONS, message, self.name_span, help=["leave `pos` out"])
        self._check_knobs(g)
        if not self._everywhere(x):
            raise g.not_yet("a table of positions over some of the axes", self.space.span)
        rows = longest(g, x.space.length, self.name_span)
        if self.learned is not None:
            group = g.group(self.share, "pos", "", (rows, x.width))
            return ops.AddPositions(rows)(x, group=group)
        if not isinstance(g.facts.divides(2, x.width), Proved):
            message = f"sines and cosines come in pairs, and the width is {g.facts.show(x.width)}"
            came = g.declared(*sorted(x.width.symbols), what="the width")
            help = ["use an even width"]
            raise g.refuse(ODD_WIDTH, message, self.name_span, came=came, help=help)
        if len(x.space.parts) != 1 or len(x.space.parts[0].axes) > 1:
            raise g.not_yet("a table of sinusoids over several axes", self.name_span)
        base = 10000.0 if self.base is None else positive_number(g, "base", self.base, x)
        return ops.AddSinusoids(rows, base, self.layout or "interleaved")(x)

    def _check_knobs(self, g: Builder) -> None:
        """Knobs of the other kind would change nothing."""
        kind, idle = ("learned", ("base", "layout")) if self.learned else ("sinusoidal", ("share",))
        for knob in idle:
            if getattr(self, knob) is not None:
                message = f"`{knob}` changes nothing where positions are {kind}"
                raise g.refuse(IDLE_KNOB, message, self.key_span(knob), help=["leave it out"])

    def _everywhere(self, x: Tensor) -> bool:
        """Whether the table is over the whole space of x."""
        terms = tuple(term.names for term in self.space.terms)
        parts = x.space.parts
        return self.space.all_tokens or terms == tuple(
            tuple(axis.name for axis in part.axes) or (part.name,) for part in parts
        )
