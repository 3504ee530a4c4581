"""The knob `rel_bias` of `attend`: a learned score for every distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tfspec.construct.rules import AXIS_TWICE, NO_AXIS
from tfspec.diagnostics import Label, Rule
from tfspec.graph.mask import Mask
from tfspec.graph.space import Space
from tfspec.graph.tensor import Tensor
from tfspec.layers.longest import longest
from tfspec.ops.buckets import BucketBias
from tfspec.ops.rel_bias import RelativeBias
from tfspec.spec.located import Located
from tfspec.spec.parts import ShareField
from tfspec.spec.types import AxisNames, Size
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.spec.located_values import LocatedStr

ONE_KIND = Rule(
    "TS236",
    "a relative bias of no kind, or of two",
    "`rel_bias` has neither axes nor buckets, or both, or only one of `buckets` and `max`.",
    "Over axes every offset has a score of its own; in buckets far distances share one.",
    "rel_bias: {buckets: 32}",
    "Write the axes, `rel_bias: [H, W]`, or both sizes, `rel_bias: {buckets: 32, max: 128}`.",
)
FEW_BUCKETS = Rule(
    "TS237",
    "buckets that do not fit their distances",
    "`rel_bias` has too few buckets, an odd number of them for two directions, or a `max` below "
    "which every distance has a bucket of its own.",
    "Half of a direction's buckets are for one distance each, the others for wider and wider "
    "ranges up to `max` (Raffel et al. 2020).",
    "rel_bias: {buckets: 32, max: 8}",
    "Give more buckets, an even number of them, or a larger `max`.",
)


class RelBias(Located):
    """A learned bias of scores by relative position, `[heads, N, M]`.

    2·extent - 1 numbers an axis (Liu et al. 2021), or buckets of distances that grow in powers
    (Raffel et al. 2020).
    """

    called: ClassVar[str] = "`rel_bias`"
    shorthand: ClassVar[str | None] = "axes"

    axes: AxisNames | None = Field(None, description="axes with a bias for every distance")
    buckets: Size | None = Field(
        None, description="number of buckets of distances (Raffel et al. 2020)"
    )
    max: Size | None = Field(
        None, description="the distance from which all share one bucket (Raffel et al. 2020)"
    )
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    def score(
        self, g: Builder, space: Space, heads: Dim, mask: Mask | None, place: Label
    ) -> Tensor:
        """[heads, N, N]: what is added to the scores of the space's tokens among themselves.

        `place`: the knob in its attention.
        """
        self._check_kind(g, place)
        if self.axes is None:
            return self._in_buckets(g, space, heads, mask)
        extents = tuple((str(axis), self._extent(g, space, axis)) for axis in self._each_once(g))
        shape = (heads, *(2 * extent - 1 for _, extent in extents))
        group = g.group(self.share, "rel_bias", "", shape)
        return RelativeBias(heads, space, extents)(group=group)

    def _check_kind(self, g: Builder, place: Label) -> None:
        sizes = [knob for knob in ("buckets", "max") if getattr(self, knob) is not None]
        wanted = "`rel_bias: [H, W]`, or `rel_bias: {buckets: 32, max: 128}`"
        if self.axes is not None and sizes:
            message = "a `rel_bias` is over axes or in buckets, not both"
            came = [Label(self.span_of("axes"), "the axes")]
            raise g.refuse(ONE_KIND, message, self.key_span(sizes[0]), came=came)
        if self.axes is None and not sizes:
            message = "a `rel_bias` is over axes or in buckets, and this says neither"
            raise g.refuse(ONE_KIND, message, place, help=[f"write {wanted}"])
        if len(sizes) == 1:
            absent = "max" if sizes == ["buckets"] else "buckets"
            message = f"a `rel_bias` with `{sizes[0]}` needs `{absent}` too"
            help = ["T5 has {buckets: 32, max: 128}"]
            raise g.refuse(ONE_KIND, message, self.key_span(sizes[0]), help=help)

    def _each_once(self, g: Builder) -> tuple[LocatedStr, ...]:
        axes = self.axes or ()
        for at, axis in enumerate(axes):
            if axis in axes[:at]:
                raise g.refuse(AXIS_TWICE, f"`rel_bias` names axis `{axis}` twice", axis.span)
        return axes

    def _extent(self, g: Builder, space: Space, name: LocatedStr) -> Dim:
        """The largest length of an axis of the one part there is."""
        axes = {axis.name: axis for part in space.parts for axis in part.axes}
        if str(name) not in axes:
            batch = any(axis.name == name for axis in space.batch)
            what = "attends along no axis" if batch else "has no axis"
            help = [f"its axes: {', '.join(axes)}"] if axes else []
            raise g.refuse(NO_AXIS, f"the value here {what} `{name}`", name.span, help=help)
        if len(space.parts) > 1:
            raise g.not_yet("a `rel_bias` over axes of a value with several parts", name.span)
        return longest(g, axes[str(name)].size, name.span)

    def _in_buckets(self, g: Builder, space: Space, heads: Dim, mask: Mask | None) -> Tensor:
        assert self.buckets is not None
        assert self.max is not None
        buckets, limit = g.fixed_size(self.buckets), g.fixed_size(self.max)
        both = mask is None or not mask.causal
        self._check_buckets(g, buckets, limit, both)
        group = g.group(self.share, "rel_bias", "weight", (buckets, heads))
        return BucketBias(heads, space, buckets, limit, both)(group=group)

    def _check_buckets(self, g: Builder, buckets: Dim, limit: Dim, both: bool) -> None:
        assert self.buckets is not None
        assert self.max is not None
        count, most = g.facts.value(buckets), g.facts.value(limit)
        assert count is not None
        assert most is not None
        place = self.buckets.span
        if both and count % 2:
            message = f"{count} buckets cannot be split between keys behind a query and before it"
            help = [f"take {count + 1}, or let the attention be causal"]
            raise g.refuse(FEW_BUCKETS, message, place, help=help)
        least, near = (4, count // 4) if both else (2, count // 2)
        if count < least:
            why = "without a causal mask" if both else "with a causal mask"
            message = f"a `rel_bias` {why} needs {least} buckets or more, and {count} is fewer"
            help = [f"take {least} or more; T5 has 32, with a `max` of 128"]
            raise g.refuse(FEW_BUCKETS, message, place, help=help)
        if most <= near:
            message = f"`max` is {most}, and each distance below {near} has a bucket of its own"
            came = [Label(place, f"of {count} buckets")]
            help = [f"take a `max` above {near}; T5 has 128 for 32 buckets"]
            raise g.refuse(FEW_BUCKETS, message, self.max.span, came=came, help=help)
