"""Every name of a spec is known, and stands where it can: all that is not, reported at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tfspec.diagnostics import Diagnostic, Rule, Span
from tfspec.diagnostics.escape import quoted
from tfspec.layers.attend_pos import AttendPos
from tfspec.layers.base import Layer, steps
from tfspec.layers.par import Par
from tfspec.layers.pos import KINDS
from tfspec.layers.stack import Pattern
from tfspec.layers.take import Take
from tfspec.spec.dependencies import circles
from tfspec.spec.environment import environment
from tfspec.spec.expression import Expression, ExpressionError, SizeExpr
from tfspec.spec.located import MISSING_KEY, Located
from tfspec.spec.mentions import Mentions
from tfspec.spec.names import Names, collect, inside
from tfspec.spec.parts import Position, Share, Space
from tfspec.spec.pipeline import HOLE, Pipeline, Ref, Series
from tfspec.spec.predicate import Predicate
from tfspec.spec.schema import BlockDecl, Spec
from tfspec.spec.types import Axes, AxisTable, Parts, is_name
from tfspec.spec.unknown import MOST_LISTED, Unknown
from tfspec.spec.wrong import diagnostic

OUT_OF_ORDER = Rule(
    "TS134",
    "a source in the middle of a pipeline",
    "A source (an input, a stream, `learn`, `zeros`) stands behind another item of a list.",
    "A list is a series: each item works on what the one before it made, and a source works on "
    "nothing, so what stands before it would be lost.",
    "text: [tokens, {embed: d}, image]",
    "Begin with the source, or combine the two with sum, join or concat.",
)
NO_VALUE = Rule(
    "TS135",
    "a step without a value",
    "A pipeline begins with a step or block that works on a value, and there is none yet.",
    "A stream or an output begins with a source: an input, a stream, `learn` or `zeros`.",
    "streams: {text: [{embed: d}]}",
    "Begin with a source.",
)
OUT_OF_PLACE = Rule(
    "TS136",
    "a step out of its place",
    "`par` stands elsewhere than directly in the `do` of a block.",
    "It makes branches, and only a residual block has branches.",
    "streams: {text: [tokens, {par: [...]}]}",
    "Use `sum` there.",
)


def resolve(spec: Spec) -> list[Diagnostic]:
    """What is wrong with the names of a spec; its values that are None are passed over."""
    names, found = collect(spec)
    env = environment(spec.dims)
    resolver = _Resolver(spec, names)
    resolver.run()
    if not spec.outputs:
        found.append(_without_output(spec))
    absent = [kind for kind, table in (("dim", spec.dims), ("block", spec.blocks)) if not table]
    unknown = resolver.unknown.report(absent)
    return [*found, *env.found, *resolver.found, *unknown, *circles(spec, names)]


def _without_output(spec: Spec) -> Diagnostic:
    stream = next(iter(spec.streams), "text")
    help = f"name what comes out: {quoted(f'outputs: {{states: {stream}}}')}"
    place = spec.key_span("outputs")
    return diagnostic(MISSING_KEY, "a spec needs an output", place, helps=(help,))


T = TypeVar("T")

_VARIES = ("a size that varies is `batch`, a range `1..512` or `multiple(32)`",)
_DECLARE = ("declare it in `dims`",)
_ONE_MASK = "and a mask has one size: write a block for each, and stack them in turn"
_NO_PART = ("`prepend: cls` makes a part, and `take: {T: 0}` takes an index of axis T",)


@dataclass(frozen=True)
class _Place:
    """Where in a spec something stands."""

    block: bool = False
    """In a block, where layers are counted."""
    value: bool = False
    """Something has been made before, on which this works."""
    first: bool = True
    """Nothing stands before this in its list."""
    part: bool = False
    """A bare name may be a part of the current value."""
    words: tuple[str, ...] = ()
    """What may stand here for a pipeline."""
    stream: str = ""
    """The stream that is made here, which cannot read itself."""


@dataclass
class _Resolver:
    """Walks a spec, and gathers what is unknown or out of its place."""

    spec: Spec
    names: Names
    found: list[Diagnostic] = field(default_factory=list[Diagnostic])
    unknown: Unknown = field(default_factory=Unknown)

    def __post_init__(self) -> None:
        self.mentions = Mentions(self.names, self.unknown, self.found)

    def run(self) -> None:
        """Visits every section."""
        for dim in _known(self.spec.dims):
            if dim.size:
                self._expression(dim.size, (), hint=_VARIES if is_name(dim.size.text) else ())
        for each in _known(self.spec.inputs):
            for size in (each.vocabulary, *(axis.size for axis in each.layout)):
                if size:
                    self._expression(size, ())
        for block in _known(self.spec.blocks):
            self._block(block)
        for name, stream in self.spec.streams.items():
            if stream:
                self._values((stream.per,), _Place())
                self.pipeline(stream.do, _Place(stream=name))
        for output in self.spec.outputs.values():
            self.pipeline(output, _Place())
        for predicate in self.spec.assume or ():
            self.mentions.assumption(predicate)
        self._values((self.spec.init,), _Place(block=True))
        self._zeros()

    def _zeros(self) -> None:
        """Places that `init`'s `zeros` names."""
        known = [*self.spec.streams, *self.spec.outputs, *self.spec.blocks]
        for name in (self.spec.init.zeros if self.spec.init else None) or ():
            place, dot, _ = name.rpartition(".")
            if dot:
                self.unknown.check(
                    "stream, output or block", place, name.part(0, len(place)), known
                )

    def _block(self, block: Any) -> None:
        place = _Place(block=True, value=True)
        if not isinstance(block, BlockDecl):
            self.pipeline(block, place)
            return
        for branch in block.do or ():
            for each in (branch.branches or ()) if isinstance(branch, Par) else (branch,):
                self.pipeline(each, place)
        self._values((block.norm, block.residual, block.share), place)

    def pipeline(self, pipeline: Pipeline | None, place: _Place) -> None:
        """A pipeline that stands at a place."""
        if pipeline is None:
            return
        if isinstance(pipeline, Ref):
            self._name(pipeline, place)
        elif isinstance(pipeline, Series):
            behind = _behind(place)
            for index, item in enumerate(pipeline.items):
                self.pipeline(item, behind if index else place)
        else:
            self._layer(pipeline, place)

    def _name(self, ref: Ref, place: _Place) -> None:
        if ref == HOLE:
            return
        if place.part and (ref.name == "self" or self._readable(ref.name)):
            return
        if ref.name in self.spec.blocks and not place.part:
            self._needs_value(ref.name, ref.span, place, self.spec.blocks[ref.name])
        elif ref.name in self.names.sources:
            self._stands_first(ref.name, ref.span, place)
        else:
            known = {*self.names.sources, *self.spec.blocks, *steps()} - {place.stream}
            kind = "input, stream, block or step"
            if place.part:
                known = self.names.sources | self.names.parts | self.names.any_mark
                kind = "part, mark, stream or input"
            hint = self._sources(ref.name, place.stream)
            self.unknown.add(kind, ref.name, ref.span, known, hint=hint, also=place.words)

    def _sources(self, name: str, here: str) -> tuple[str, ...]:
        """What there is to read in a stream, where a name is none of it."""
        listed = [each for each in (*self.spec.inputs, *self.spec.streams) if each != here]
        if name in self.spec.outputs:
            return (f"{quoted(name)} is an output, which nothing can read: name a stream",)
        if name in self.spec.blocks:
            return (f"{quoted(name)} is a block: name first what it reads, `[memory, {name}]`",)
        if not self.spec.streams:
            return ("the spec has no `streams`",)
        if len(listed) == 1:
            return (f"only {quoted(listed[0])} is there to read",)
        if len(listed) > MOST_LISTED:
            return ()
        return (f"the inputs and streams are {', '.join(map(quoted, listed))}",)

    def _readable(self, name: str) -> bool:
        return name in self.names.parts or name in self.names.any_mark

    def _stands_first(self, name: str, span: Span, place: _Place) -> None:
        if not place.first:
            message = f"{quoted(name)} is a source, and stands first in a pipeline"
            helps = ("to combine two values: sum, join or concat",)
            self.found.append(diagnostic(OUT_OF_ORDER, message, span, helps=helps))

    def _needs_value(self, name: str, span: Span, place: _Place, what: Any) -> None:
        if not place.value and _reads(what):
            message = f"{quoted(name)} works on a value, and here is none yet"
            helps = (self._begin(),)
            self.found.append(diagnostic(NO_VALUE, message, span, helps=helps))

    def _begin(self) -> str:
        """What a pipeline may begin with, by the name of one."""
        inputs = [name for name in self.spec.inputs if name not in self.names.inputs("bool")]
        such = f", such as {quoted(inputs[0])}" if inputs else ""
        return f"begin with an input or a stream{such}, or with `learn`"

    def _layer(self, layer: Layer, place: _Place) -> None:
        if layer.reads == "nothing":
            self._stands_first(layer.step, layer.name_span, place)
        elif layer.reads == "value":
            self._needs_value(layer.step, layer.name_span, place, layer)
        if isinstance(layer, Par):
            message = "`par` stands only in the `do` of a block"
            self.found.append(diagnostic(OUT_OF_PLACE, message, layer.name_span))
        self._fields(layer, place)

    def _fields(self, model: Located, place: _Place) -> None:
        operands = not isinstance(model, Layer) or model.reads == "operands"
        words = tuple(KINDS) if isinstance(model, AttendPos) else ()
        value = place.value or not operands
        inner = _Place(place.block, value, words=words, stream=place.stream)
        for name in model.model_fields_set:
            value = getattr(model, name)
            if name == "only" and value is not None:
                self.unknown.check("part", value, value.span, self.names.parts)
            elif name == "mask" and isinstance(value, Predicate):
                self._predicate(value, self.mentions.mask)
            elif isinstance(model, Take) and name == "names" and value:
                known = self.names.parts | self.names.inputs("ids")
                self._each("part or ids input", value, known, _NO_PART)
            else:
                part = isinstance(model, Layer) and name in model.part_fields
                self._value(value, replace(inner, part=True) if part else inner)

    def _values(self, values: Iterable[Any], place: _Place) -> None:
        for value in values:
            self._value(value, place)

    def _value(self, value: Any, place: _Place) -> None:
        match value:
            case Expression():
                self._expression(value, ("width", "i", "n") if place.block else ("width",))
            case Predicate():
                self._predicate(value, self.mentions.tokens)
            case Ref() | Series() | Layer():
                self.pipeline(value, place)
            case Axes():
                self._each("axis", value, self.names.axes)
            case Parts():
                self._each("part", value, self.names.parts)
            case Share(_, index):
                self._values((index,), replace(place, block=True))
            case Space():
                self._space(value)
            case Position():
                self._position(value, place)
            case Pattern():
                for block in value.blocks():
                    self.unknown.check("block", block.name, block.span, self.spec.blocks)
            case Located():
                self._fields(value, place)
            case _:
                self._other(value, place)

    def _other(self, value: Any, place: _Place) -> None:
        if isinstance(value, AxisTable):
            for name in value:
                self.unknown.check("axis", name, value.span_of(name), self.names.axes)
        self._values(inside(value), place)

    def _space(self, space: Space) -> None:
        for term in space.terms:
            for name, span in zip(term.names, term.spans, strict=True):
                alone = len(term.names) == 1
                known = self.names.axes | self.names.parts if alone else self.names.axes
                self.unknown.check("axis or part" if alone else "axis", name, span, known)

    def _position(self, position: Position, place: _Place) -> None:
        if position.label is not None:
            known = self.names.labels | self.spec.dims.keys()
            self.unknown.check("label or dim", position.label, position.span, known)
        self._values((position.index, position.predicate), place)

    def _expression(
        self, expression: Expression, more: tuple[str, ...], hint: tuple[str, ...] = (),
        where: str = "and is known only in blocks",
    ) -> None:  # fmt: skip
        for each in expression.places():
            if each.name in ("i", "n") and each.name not in more:
                helps = (f"`{each.name}` counts layers, {where}",)
                self.unknown.add("dim", each.name, each.span, (), helps)
            elif each.name not in more and each.name not in self.spec.dims:
                also = (*more, "batch") if hint else more
                hint = hint or (_DECLARE if len(self.spec.dims) > MOST_LISTED else ())
                self.unknown.add("dim", each.name, each.span, self.spec.dims, (), hint, also)
        if isinstance(expression, SizeExpr) and _may_explode(expression):
            self._evaluate(expression)

    def _evaluate(self, size: SizeExpr) -> None:
        """A size that may come to too many terms, with every name as a symbol."""
        from tfspec.symbolic.dim import sym

        try:
            size.dim({name: sym(name) for name in size.names})
        except ExpressionError as error:
            self.found.append(error.diagnostic)

    def _predicate(self, predicate: Predicate, check: Callable[[Predicate], None]) -> None:
        check(predicate)
        for each in predicate.windows():
            self._expression(each.size, ("width",), where=_ONE_MASK)

    def _each(
        self, kind: str, names: Iterable[Any], known: Iterable[str], hint: tuple[str, ...] = ()
    ) -> None:
        for name in names:
            self.unknown.check(kind, name, name.span, known, hint)


def _known(table: Mapping[str, T]) -> Iterator[T]:
    """What is right in a table, and not None for being wrong."""
    return (each for each in table.values() if each is not None)


def _may_explode(size: SizeExpr) -> bool:
    return "**" in size.text or len(size.text) > 60


def _behind(place: _Place) -> _Place:
    return replace(place, first=False, value=True, part=False)


def _reads(what: Any) -> bool:
    """Whether a block or a step works on a value that must be there already."""
    if isinstance(what, Series):
        return _reads(what.items[0])
    return not isinstance(what, Ref) and getattr(what, "reads", "value") == "value"
