"""The step `pos`: positions, learned or sinusoidal, added to tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import Field

from tfspec.construct.rules import IDLE_KNOB
from tfspec.diagnostics import Rule
from tfspec.layers.base import Layer
from tfspec.layers.longest import longest
from tfspec.layers.pos_rows import enough_rows, first_row, longest_known, needed, sizes_of
from tfspec.layers.pos_space import Covered, covered
from tfspec.layers.scale import positive_number
from tfspec.ops.positions import AddPositions
from tfspec.ops.sinusoids import AddSinusoids, Layout
from tfspec.ops.tables import Term
from tfspec.spec.located import WRONG_TYPE, only, unknown_choice
from tfspec.spec.located_values import span_of
from tfspec.spec.parts import ShareField, Space, SpaceField
from tfspec.spec.types import Count, Rate, Size
from tfspec.spec.wrong import Wrong, diagnostic
from tfspec.symbolic import Dim, product
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
    "`pos: sinusoidal` is given vectors of an odd width, or one that several axes cannot share.",
    "Sines and cosines come in pairs, and each axis has as many pairs as the others.",
    "embed: 63  # pos: sinusoidal",
    "Use an even width; for two axes, one that 4 divides.",
)

KINDS = ["learned", "sinusoidal"]


class Pos(Layer):
    """Adds a table of positions: `[..., width] -> [..., width]`.

    The table is over all tokens, or over a named space (`cls + H*W`), broadcast along the axes
    that it lacks; parts that lack them all stay as they are. A place has the same row at every
    allowed size. learned: weights `[rows, width]`. sinusoidal: a buffer, never a parameter,
    sin(p / base^(2k/width)) and cos of the same (Vaswani et al. 2017), with an even share of the
    width for each axis.
    """

    step: ClassVar[str] = "pos"
    keeps_shape: ClassVar[bool] = True

    learned: SpaceField | None = Field(None, description="a learned table over this space")
    sinusoidal: SpaceField | None = Field(None, description="fixed sines over this space")
    rows: Size | None = Field(
        None, description="rows of the table, if more than there are positions (Liu et al. 2019)"
    )
    offset: Count | None = Field(
        None, description="row of the first position: 2 in the code of Liu et al. 2019"
    )
    share: ShareField | None = Field(None, description="weights of this name are the same weights")
    base: Rate | None = Field(
        None,
        description="of sinusoidal: wavelengths grow from 2π to 2π·base; default 10000 (Vaswani et "
        "al. 2017)",
    )
    layout: Layout | None = Field(
        None,
        description="of sinusoidal: sines and cosines in turns, all sines first, or all cosines "
        "(Vaswani et al. 2017)",
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
            if value not in KINDS:
                raise unknown_choice(value, KINDS)
            return only(value, Space(text=value), value)
        given = cast("dict[str, Any]", value if isinstance(value, dict) else {})
        if not isinstance(value, dict) or len(given.keys() & KINDS) == 1:
            return cast("Any", value)
        found = diagnostic(WRONG_TYPE, "is either `learned` or `sinusoidal`", span_of(given))
        raise Wrong((found,), names_knob=False)

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"enum": KINDS}]

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if x.space.single:
            message = "a single token has no positions"
            raise g.refuse(NO_POSITIONS, message, self.name_span, help=["leave `pos` out"])
        self._check_knobs(g)
        found = covered(g, x, self.space)
        return self._learned(g, x, found) if self.learned else self._fixed(g, x, found)

    def _learned(self, g: Builder, x: Tensor, found: Covered) -> Tensor:
        """One table for all terms, one after the other, each row-major over its axes."""
        start = first_row(g, self.offset)
        given = None if self.rows is None else g.fixed_size(self.rows)
        if given is not None:
            enough_rows(g, given, start + needed(found), self.key_span("rows"))
        terms: dict[str, Term] = {}
        for axes, parts in found:
            extents = tuple(longest(g, size, self.name_span) for size in sizes_of(axes, parts[0]))
            terms |= dict.fromkeys((part.name for part in parts), Term(axes, extents, start))
            start = start + product(extents)
        rows = start if given is None else given
        group = g.group(self.share, "pos", "", (rows, x.width))
        by_part = tuple(terms.get(part.name) for part in x.space.parts)
        return AddPositions(rows, by_part)(x, group=group)

    def _fixed(self, g: Builder, x: Tensor, found: Covered) -> Tensor:
        """A section of the features for each axis of a term."""
        terms: dict[str, Term] = {}
        for axes, parts in found:
            if not axes:
                what, help = "a table of sinusoids over a single token", self._without_single(x)
                raise g.not_yet(what, self.name_span, help)
            self._check_width(g, x, len(axes))
            extents = tuple(longest_known(g, size) for size in sizes_of(axes, parts[0]))
            terms |= dict.fromkeys((part.name for part in parts), Term(axes, extents, Dim.of(0)))
        base = 10000.0 if self.base is None else positive_number(g, "base", self.base, x)
        by_part = tuple(terms.get(part.name) for part in x.space.parts)
        return AddSinusoids(base, self.layout or "interleaved", by_part)(x)

    def _without_single(self, x: Tensor) -> list[str]:
        """How to write the table over those parts alone that have axes."""
        spaces = ["*".join(a.name for a in part.axes) for part in x.space.parts if part.axes]
        return [f"write the axes alone: `pos: {{sinusoidal: {' + '.join(spaces)}}}`"]

    def _check_width(self, g: Builder, x: Tensor, axes: int) -> None:
        """Each axis has its even share of the features."""
        if isinstance(g.facts.divides(2 * axes, x.width), Proved):
            return
        message = f"sines and cosines come in pairs, and the width is {g.facts.show(x.width)}"
        help = ["use an even width"]
        if axes > 1:
            message = f"width {g.facts.show(x.width)} cannot be cut into pairs for {axes} axes"
            help = [f"use a width that {2 * axes} divides"]
        came = g.declared(*sorted(x.width.symbols), what="the width")
        raise g.refuse(ODD_WIDTH, message, self.name_span, came=came, help=help)

    def _check_knobs(self, g: Builder) -> None:
        """Knobs of the other kind would change nothing."""
        kind, idle = "learned", ("base", "layout")
        if self.sinusoidal:
            kind, idle = "sinusoidal", ("share", "rows", "offset")
        for knob in idle:
            if getattr(self, knob) is not None:
                message = f"`{knob}` changes nothing where positions are {kind}"
                raise g.refuse(IDLE_KNOB, message, self.key_span(knob), help=["leave it out"])
