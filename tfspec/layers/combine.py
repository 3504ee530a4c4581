"""The steps `sum`, `join`, `concat` and `zip`: several pipelines made one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import Field

from tfspec.construct.rules import KINDS, WAYS_OUT, WRONG_KIND
from tfspec.diagnostics import Label, Rule
from tfspec.graph.space import Axis, Space
from tfspec.layers.base import Layer, Reads
from tfspec.ops import tokens as ops
from tfspec.ops.batch import broadcasts, joint, repeated
from tfspec.ops.grids import AddAlong, Interleave
from tfspec.ops.pointwise import Add
from tfspec.spec.located import mistyped
from tfspec.spec.pipeline import (
    Pipeline,
    Pipelines,
    Ref,
    check_pipeline,
    check_pipelines,
    items,
    last_place,
)
from tfspec.spec.types import Parsed, Table, check_name, each_of, link
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

UNEQUAL = Rule(
    "TS209",
    "values that do not fit together",
    "`sum`, `join` or `zip` is given values of different tokens or widths, or `concat` is given "
    "two parts of one name.",
    "Sums and zips need equal shapes, joins equal tokens, and parts are told apart by their names.",
    "sum: [[tokens, {embed: 64}], [segments, {embed: 32}]]",
    "Make the shapes equal, with `linear` for instance.",
)

TAKEN_AXIS = Rule(
    "TS285",
    "two axes of one name",
    "`zip` makes an axis under a name that an axis of its values has.",
    "Axes are spoken of by their names.",
    "zip: {T: {r: returns, s: states}}  # of values over T",
    "Give the new axis another name.",
)
ANOTHER_NAME = "give the new axis another name"


class Sum(Layer):
    """Adds pipelines that all read the value at this place: `[..., width]` each `-> [..., width]`.

    x₁ + x₂ + ..., as embeddings of words and segments (Devlin et al. 2018). An operand that lacks
    axes of the others is repeated along them.
    """

    step: ClassVar[str] = "sum"
    reads: ClassVar[Reads] = "operands"
    shorthand: ClassVar[str | None] = "of"
    whole: ClassVar[bool] = True

    of: Pipelines = Field(description="the pipelines")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        total, *rest = [vectors(g, "sum", pipeline, x) for pipeline in self.of]
        for at, term in enumerate(rest, start=1):
            total, term = (term, total) if lacks_axes(g, total, term) else (total, term)
            made = self.of[0], self.of[at]
            if lacks_axes(g, term, total):
                matched_widths(g, "sum", (total, term), made)
            else:
                matched(g, "sum", (total, term), made)
            total = plus(g, total, term)
        return total


def plus(g: Builder, total: Tensor, term: Tensor) -> Tensor:
    """The sum of two values that fit: the term is repeated along axes that it lacks."""
    if lacks_axes(g, term, total):
        return AddAlong(total.space)(total, term)
    batch = joint(total, term)
    if batch is not None and not all(broadcasts(y, batch) for y in (total, term)):
        total, term = (repeated(y, batch) for y in (total, term))
    return Add()(total, term)


def lacks_axes(g: Builder, a: Tensor, b: Tensor) -> bool:
    """Whether a lacks axes of the one part of b, and has its others as b has them."""
    (part, *rest), (other, *others) = a.space.parts, b.space.parts
    if a.space.batch != b.space.batch or rest or others:
        return False
    there = [axis for axis in other.axes if axis.name in part]
    names = [axis.name for axis in part.axes] == [axis.name for axis in there]
    same = names and all(g.same(x.size, y.size) for x, y in zip(part.axes, there, strict=True))
    return same and len(part.axes) < len(other.axes)


class Join(Layer):
    """Same tokens, features side by side: `[..., a], [..., b] -> [..., a + b]`.

    As positions beside what stands there (Jaegle et al. 2021, section 3.2). Learned tokens, which
    are the same in each batch, are repeated along it.
    """

    step: ClassVar[str] = "join"
    reads: ClassVar[Reads] = "operands"
    shorthand: ClassVar[str | None] = "of"
    whole: ClassVar[bool] = True

    of: Pipelines = Field(description="the pipelines")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        values = [vectors(g, "join", pipeline, x) for pipeline in self.of]
        for at, value in enumerate(values):
            matched(g, "join", (values[0], value), (self.of[0], self.of[at]), width=False)
        return ops.Join()(*_in_each_batch(values))


def _in_each_batch(values: Sequence[Tensor]) -> list[Tensor]:
    """Values with the batch axes of all of them."""
    batch = joint(*values)
    assert batch is not None, "each pair was matched"
    return [repeated(value, batch) for value in values]


def vectors(g: Builder, step: str, pipeline: Pipeline, x: Tensor | None) -> Tensor:
    """An operand's value, which must be vectors."""
    value = g.read(pipeline, x)
    if value.kind != "float":
        message = f"`{step}` works on vectors, and the value here is {KINDS[value.kind]}"
        raise g.refuse(WRONG_KIND, message, last_place(pipeline), help=[WAYS_OUT[value.kind]])
    return value


def matched(
    g: Builder,
    step: str,
    values: tuple[Tensor, Tensor],
    made: tuple[Pipeline, Pipeline],
    *,
    width: bool = True,
) -> None:
    """Both have the same tokens (and width), in each batch, or the spec is refused."""
    a, b = values
    same = as_many_tokens(g, a, b)
    if joint(a, b) is None or (not same and _nested(a, b)):
        raise g.not_yet(f"`{step}` of values over different axes", last_place(made[1]))
    if not same:
        message = f"`{step}` needs values of the same tokens"
        help = ["`concat` puts different tokens one behind the other"]
        label, *came = _shapes(g, values, made)
        raise g.refuse(UNEQUAL, message, label, came=came, help=help)
    if width:
        matched_widths(g, step, values, made)


def as_many_tokens(g: Builder, a: Tensor, b: Tensor) -> bool:
    """Whether both have equally many tokens, which is how they are told to be the same."""
    alike, other = ([axis.size for axis in each.space.token_axes] for each in (a, b))
    return len(alike) == len(other) and all(map(g.same, alike, other))


def matched_widths(
    g: Builder, step: str, values: tuple[Tensor, Tensor], made: tuple[Pipeline, Pipeline]
) -> None:
    """Both have the same width, or the spec is refused."""
    a, b = values
    if not g.same(a.width, b.width):
        message = f"`{step}` needs equal widths, not {g.facts.show(a.width)} and "
        message += g.facts.show(b.width)
        help = [f"end the second with `linear: {a.width.ascii()}`, for instance"]
        label, *came = _shapes(g, values, made)
        raise g.refuse(UNEQUAL, message, label, came=came, help=help)


def _shapes(
    g: Builder, values: tuple[Tensor, Tensor], made: tuple[Pipeline, Pipeline]
) -> tuple[Label, Label]:
    """Where the second value is made, and the first, with their shapes."""
    first, second = (
        Label(last_place(pipeline), f"this is {g.shape(value)}")
        for value, pipeline in zip(values, made, strict=True)
    )
    return second, first


def _nested(a: Tensor, b: Tensor) -> bool:
    """Whether one has more axes than the other, and the other would be repeated along them."""
    axes, others = ({ax.name for p in x.space.parts for ax in p.axes} for x in (a, b))
    return axes != others and (axes <= others or others <= axes)


@dataclass(frozen=True, slots=True)
class Operand:
    """One pipeline of a concat; its name is None where the pipeline itself gives one."""

    name: str | None
    of: Pipeline


def check_operands(value: Any) -> tuple[Operand, ...]:
    """A list of pipelines, or pipelines by the names of their parts. Raises Wrong."""
    if not isinstance(value, dict):
        return tuple(Operand(None, each) for each in check_pipelines(value))
    named = cast("dict[str, Any]", value)
    if not named:
        raise mistyped(None, "takes pipelines")
    names = each_of(list(named), check_name)
    return tuple(map(Operand, map(str, names), each_of(list(named.values()), check_pipeline)))


_PIPELINE = link("Pipeline")
_OPERANDS: dict[str, Any] = {
    "anyOf": [
        {"type": "array", "items": _PIPELINE, "minItems": 1},
        {"type": "object", "additionalProperties": _PIPELINE, "minProperties": 1},
    ]
}


class Concat(Layer):
    """Parts added, in order: `[..., N, width], [..., M, width] -> [..., N + M, width]`.

    As words and regions in one stream (Chen et al. 2020, UNITER). A part is named after its stream,
    its key, or as it was. Parts of several widths lie side by side, each as it is, and steps say
    which they work on (Lu et al. 2019, ViLBERT).
    """

    step: ClassVar[str] = "concat"
    reads: ClassVar[Reads] = "operands"
    shorthand: ClassVar[str | None] = "of"
    whole: ClassVar[bool] = True

    of: Annotated[tuple[Operand, ...], Parsed(check_operands, _OPERANDS)] = Field(
        description="the pipelines, or the pipelines by name"
    )

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        values = [self._operand(g, operand, x) for operand in self.of]
        parts = [part for value in values for part in value.space.parts]
        names = [part.name for part in parts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            message = f"two parts of this value would be called `{twice}`"
            raise g.refuse(
                UNEQUAL, message, self.name_span, help=["name them: `concat: {a: ..., b: ...}`"]
            )
        batch = max((value.space.batch for value in values), key=len)
        for value, operand in zip(values, self.of, strict=True):
            if value.space.batch not in ((), batch):
                what = "a concat of values over different batch axes"
                raise g.not_yet(what, items(operand.of)[-1].span)
        if len(values) == 1:
            return values[0]
        return ops.Concat(g.tokens(Space(batch, tuple(parts))), g.own_widths(values))(*values)

    def _operand(self, g: Builder, operand: Operand, x: Tensor | None) -> Tensor:
        value = vectors(g, "concat", operand.of, x)
        first = items(operand.of)[0]
        name = operand.name or (first.stream if isinstance(first, Ref) else None)
        if name is None or len(value.space.parts) != 1:
            return value
        return value.renamed(name)


class Zip(Layer):
    """Equal spaces interleaved: `[..., T, c]` each `-> [..., T, slot, c]`; slots have labels.

    As returns, states and actions of every step (Chen et al. 2021; Reed et al. 2022).
    """

    step: ClassVar[str] = "zip"
    reads: ClassVar[Reads] = "operands"
    shorthand: ClassVar[str | None] = "slots"
    whole: ClassVar[bool] = True

    slots: Table[Table[Pipeline]] = Field(
        description="the new axis, and the value at each of its labels: {slot: {r: returns, s: "
        "states}} (Chen et al. 2021)",
    )

    @property
    def axis(self) -> str:
        """The name of the new axis."""
        return next(iter(self.slots))

    @property
    def labels(self) -> Table[Pipeline]:
        """The pipelines by the labels of their positions, in order."""
        return self.slots[self.axis]

    @classmethod
    def spread(cls, value: Any) -> Any:
        if not isinstance(value, dict) or len(cast("dict[str, Any]", value)) != 1:
            raise mistyped(value, "takes one new axis: {slot: {r: ..., s: ...}}")
        return super().spread(value)

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        made = list(self.labels.values())
        values = [vectors(g, "zip", pipeline, x) for pipeline in made]
        for at, value in enumerate(values):
            matched(g, "zip", (values[0], value), (made[0], made[at]))
        values = _in_each_batch(values)
        old = values[0].space
        if old.axis(self.axis) is not None:
            message = f"the values have an axis `{self.axis}` already"
            raise g.refuse(TAKEN_AXIS, message, self.slots.span_of(self.axis), help=[ANOTHER_NAME])
        new = Axis(self.axis, Dim.of(len(values)), labels=tuple(self.labels))
        parts = (replace(part, axes=(*part.axes, new)) for part in old.parts)
        return Interleave(g.tokens(old.with_parts(*parts)), new.labels)(*values)
