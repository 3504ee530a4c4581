"""The steps `take` and `drop`: some tokens of a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tfspec.construct.rules import NO_AXIS
from tfspec.diagnostics import Rule
from tfspec.graph.look import Knob, condition
from tfspec.graph.space import Axis, Part, Space
from tfspec.layers.base import Layer
from tfspec.layers.take_at import at_positions
from tfspec.layers.token_condition import read_tokens
from tfspec.ops import tokens as ops
from tfspec.ops.found import TakeFound
from tfspec.ops.grids import TakeIndex
from tfspec.spec.expression import SizeExpr
from tfspec.spec.located import mistyped, only
from tfspec.spec.parts import Position, PositionField
from tfspec.spec.types import AxisTable, PartNames
from tfspec.symbolic import Dim, sym

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

NO_LABEL = Rule(
    "TS284",
    "a label that an axis has not",
    "`take` names a position of an axis, and the axis has no position of this name.",
    "Only the axis that `zip` makes has names for its positions.",
    "[{zip: {slot: {r: returns, s: states}}}, {take: {slot: a}}]",
    "Take one of the labels, or an index.",
)


class Take(Layer):
    """Some tokens: parts by name, a position on an axis, or those that an ids input names.

    `[..., T, width] -> [..., width]`, or fewer tokens, as the class token (Devlin et al. 2018).

    `{T: 0}`, `{slot: s}`: the axis goes, and parts without it go. `{T: first(tokens == end)}`:
    another index in every row; where no token is such, the first. An ids input: the tokens at
    those flat positions over all parts, one part of the input's name and axes, as patches that are
    kept and put back (He et al. 2022).
    """

    step: ClassVar[str] = "take"
    takes_unequal: ClassVar[bool] = True

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
            for name, where in self.at.items():
                x = self._index(g, x, name, where)
            return x
        names = [str(name) for name in self.names or ()]
        if len(names) == 1 and names[0] in g.spec.inputs and x.space.part(names[0]) is None:
            return at_positions(g, x, names[0], self.span_of("names"))
        parts = [g.part(x, name, self.span_of("names")) for name in names]
        return kept(g, x, parts)

    def _index(self, g: Builder, x: Tensor, name: str, where: Position) -> Tensor:
        """What is left of the parts with the axis: the tokens at one place on it."""
        assert self.at is not None
        every = [axis for part in x.space.parts for axis in part.axes]
        if all(axis.name != name for axis in every):
            known = ", ".join(dict.fromkeys(axis.name for axis in every))
            message = f"the value here has no axis `{name}`"
            help = [f"its axes: {known}"] if known else []
            raise g.refuse(NO_AXIS, message, self.at.span_of(name), help=help)
        if where.predicate is not None:
            return self._found(g, x, where)
        found = [self._of_part(g, x, part, name, where) for part in x.space.parts if name in part]
        return joined(g, x.space, found)

    def _found(self, g: Builder, x: Tensor, where: Position) -> Tensor:
        """One token of each row, that of which the condition is true."""
        assert where.predicate is not None
        assert where.which is not None
        part, *others = x.space.parts
        if others or len(part.axes) > 1:
            what = "`take` by a condition in a value of several axes or parts"
            raise g.not_yet(what, where.span)
        if not x.space.batch:
            raise g.not_yet("`take` by a condition in a value without a batch", where.span)
        space = g.tokens(x.space.with_parts(Part(part.name)))
        asked, flags = read_tokens(g, where.predicate, x, "give an index, such as `{T: 0}`, or")
        if not flags:
            what = f"`take` by `{where.predicate}`, which reads no input,"
            raise g.not_yet(what, where.span, ["give the index: it is the same in every row"])
        return TakeFound(space, where.which, asked, flags)(x)

    def _of_part(self, g: Builder, x: Tensor, part: Part, name: str, where: Position) -> Tensor:
        """A part's tokens at one place on an axis, which goes."""
        at = next(at for at, axis in enumerate(part.axes) if axis.name == name)
        index = _position(g, x, part.axes[at], where)
        left = Part(part.name, (*part.axes[:at], *part.axes[at + 1 :]))
        space = g.tokens(x.space.with_parts(left))
        words = _words(part.axes[at], where, index)
        if left.axes:
            return TakeIndex(space, at, index, words)(kept(g, x, [part]))
        start = x.space.offset(part.name) + index
        return ops.Take(space, start, words)(x)


def _position(g: Builder, x: Tensor, axis: Axis, where: Position) -> Dim:
    """The index on an axis counted from the front, for every allowed length."""
    if where.label in axis.labels:
        return Dim.of(axis.labels.index(where.label))
    if where.label is not None and where.label not in g.dims:
        message = f"axis {axis.name} has no label `{where.label}`"
        help = [f"its labels: {', '.join(axis.labels)}"] if axis.labels else ["write an index"]
        raise g.refuse(NO_LABEL, message, where.span, help=help)
    at = g.dims[where.label] if where.label is not None else g.integer(_index_of(where), x)
    value = g.facts.value(at)
    if value is not None and value < 0:
        at = axis.size + at
    g.inside(at, axis, where.span, str(where))
    return at


def _words(axis: Axis, where: Position, index: Dim) -> Knob:
    """`take slot = s`, the sizes that it names as sizes."""
    sizes = {} if where.label in axis.labels else {name: sym(name) for name in index.symbols}
    return (f"take {axis.name} = ", *condition(str(where), sizes))


def _index_of(where: Position) -> SizeExpr:
    assert where.index is not None
    return where.index


class Drop(Layer):
    """Every part but these: `[..., N + M, width] -> [..., N, width]`.

    As patches without the class token (Oquab et al. 2023).
    """

    step: ClassVar[str] = "drop"
    takes_unequal: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = "names"
    whole: ClassVar[bool] = True

    names: PartNames = Field(description="the parts that go")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        gone = [g.part(x, str(name), self.span_of("names")) for name in self.names]
        left = [part for part in x.space.parts if part not in gone]
        if not left:
            raise g.refuse(NOTHING_LEFT, "`drop` leaves no part", self.name_span, help=["keep one"])
        return kept(g, x, left, f"drop {_plus(gone)}")


def joined(g: Builder, space: Space, pieces: Sequence[Tensor]) -> Tensor:
    """Parts one after the other again, side by side where their widths differ."""
    if len(pieces) == 1:
        return pieces[0]
    parts = [part for piece in pieces for part in piece.space.parts]
    return ops.Concat(g.tokens(space.with_parts(*parts)), g.own_widths(pieces))(*pieces)


def kept(g: Builder, x: Tensor, parts: Sequence[Part], words: str = "") -> Tensor:
    """The parts, in this order; neighbours are cut out as one piece. `words` say what is done where
    one cut does it all."""
    if list(parts) == list(x.space.parts):
        return x
    runs = [[part] for part in parts] if x.widths else list(_runs(x.space.parts, parts))
    pieces: list[Tensor] = []
    for run in runs:
        space = g.tokens(x.space.with_parts(*run))
        start = x.space.offset(run[0].name)
        said = words if words and len(runs) == 1 else f"take {_plus(run)}"
        pieces.append(ops.Take(space, start, (said,))(x))
    return joined(g, x.space, pieces)


def _plus(parts: Sequence[Part]) -> str:
    return " + ".join(part.name for part in parts)


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
