"""The steps `take` and `drop`: some tokens of a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tfspec.construct.rules import NO_AXIS
from tfspec.diagnostics import Rule
from tfspec.graph.space import Axis, Part, Space
from tfspec.layers.base import Layer
from tfspec.layers.token_condition import read_tokens
from tfspec.ops import tokens as ops
from tfspec.ops.found import TakeFound
from tfspec.spec.expression import SizeExpr
from tfspec.spec.located import mistyped, only
from tfspec.spec.parts import Position, PositionField
from tfspec.spec.types import AxisTable, PartNames
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

NOTHING_LEFT = Rule(
    "TS216",
    "a value without tokens",
    "`drop` names every part of the value.",
    "A value has at least one token.",
    "drop: [cls, image]",
    "Keep a part.",
)


class Take(Layer):
    """Some tokens: parts by name, a position on an axis, or those that an ids input names.

    `{T: 0}`: the axis goes, and parts without it go. `{T: first(tokens == end)}`: another index in
    every row; where no token is such, the first. An ids input: the tokens at those flat positions,
    whose axes become the input's.
    """

    step: ClassVar[str] = "take"

    names: PartNames | None = Field(None, description="parts, or one ids input")
    at: AxisTable[PositionField] | None = Field(None, description="a position on each of some axes")

    @classmethod
    def spread(cls, value: Any) -> Any:
        if isinstance(value, int):
            raise mistyped(value, "takes parts, or an index on an axis such as {T: 0}")
        return only("at" if isinstance(value, dict) else "names", value)

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [properties["names"], properties["at"]]

    whole: ClassVar[bool] = True

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if self.at is not None:
            return self._index(g, x, *next(iter(self.at.items())))
        names = [str(name) for name in self.names or ()]
        if len(names) == 1 and names[0] in g.spec.inputs and x.space.part(names[0]) is None:
            raise g.not_yet("`take` at the positions of an input", self.name_span)
        parts = [g.part(x, name, self.span_of("names")) for name in names]
        return kept(g, x, parts)

    def _index(self, g: Builder, x: Tensor, name: str, where: Position) -> Tensor:
        assert self.at is not None
        every = [axis for part in x.space.parts for axis in part.axes]
        axis = next((axis for axis in every if axis.name == name), None)
        if axis is None:
            known = ", ".join(axis.name for axis in every)
            message = f"the value here has no axis `{name}`"
            help = [f"its axes: {known}"] if known else []
            raise g.refuse(NO_AXIS, message, self.at.span_of(name), help=help)
        part = x.space.parts[0]
        if where.label is not None:
            raise g.not_yet("`take` by a label", self.at.span_of(name))
        if len(part.axes) > 1 or len(x.space.parts) > 1 or len(self.at) > 1:
            what = "`take` of an index in a value of several axes or parts"
            raise g.not_yet(what, self.at.span_of(name))
        space = x.space.with_parts(Part(part.name))
        if where.index is None:
            return self._found(g, x, where, space)
        index = self._position(g, axis, where.index)
        return ops.Take(space, index, f"{name} = {where.index.text}")(x)

    def _found(self, g: Builder, x: Tensor, where: Position, space: Space) -> Tensor:
        assert where.predicate is not None and where.which is not None
        if not space.batch:
            raise g.not_yet("`take` by a condition in a value without a batch", where.span)
        return TakeFound(space, where.which, *read_tokens(g, where.predicate, x))(x)

    def _position(self, g: Builder, axis: Axis, index: SizeExpr) -> Dim:
        """The index counted from the front, for every allowed length."""
        at = index.dim(g.dims)
        value = g.facts.value(at)
        if value is not None and value < 0:
            at = axis.size + at
        g.inside(at, axis, index.span, index.text)
        return at


class Drop(Layer):
    """Every part but these."""

    step: ClassVar[str] = "drop"
    shorthand: ClassVar[str | None] = "names"
    whole: ClassVar[bool] = True

    names: PartNames = Field(description="the parts that go")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        gone = [g.part(x, str(name), self.span_of("names")) for name in self.names]
        left = [part for part in x.space.parts if part not in gone]
        if not left:
            raise g.refuse(NOTHING_LEFT, "`drop` leaves no part", self.name_span, help=["keep one"])
        return kept(g, x, left)


def kept(g: Builder, x: Tensor, parts: Sequence[Part]) -> Tensor:
    """The parts, in this order; neighbours are cut out as one piece."""
    pieces: list[Tensor] = []
    for run in _runs(x.space.parts, parts):
        space = g.tokens(x.space.with_parts(*run))
        if len(run) == len(x.space.parts):
            return x
        start = x.space.offset(run[0].name)
        pieces.append(ops.Take(space, start, " + ".join(part.name for part in run))(x))
    if len(pieces) == 1:
        return pieces[0]
    return ops.Concat(g.tokens(x.space.with_parts(*parts)))(*pieces)


def _runs(all_parts: Sequence[Part], wanted: Sequence[Part]) -> Iterator[list[Part]]:
    """The wanted parts, grouped into stretches that stand side by side in the value."""
    run: list[Part] = []
    for part in wanted:
        if run and all_parts.index(part) == all_parts.index(run[-1]) + 1:
            run.append(part)
            continue
        if run:
            yield run
        run = [part]
    if run:
        yield run
