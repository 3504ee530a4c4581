"""Every name that a spec gives to something: what may stand in its pipelines and expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, cached_property
from itertools import chain
from types import UnionType
from typing import Any

from tfspec.diagnostics import Diagnostic, Label, Rule, Span, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.layers.base import Layer, steps
from tfspec.layers.combine import Concat, Zip
from tfspec.layers.learn import Learn, Zeros
from tfspec.layers.mark import Mark
from tfspec.layers.prepend import Prepend
from tfspec.spec.declare import InputDecl
from tfspec.spec.expression import Expression
from tfspec.spec.located import Located
from tfspec.spec.pipeline import Ref, Series
from tfspec.spec.predicate import Predicate
from tfspec.spec.schema import Spec
from tfspec.spec.wrong import diagnostic

RESERVED = frozenset(
    [
        *("width", "i", "n"),  # in expressions
        *("self", "query", "key", "causal", "within", "first", "last", "abs"),  # in predicates
        *("batch", "none"),
    ]
)

RESERVED_NAME = Rule(
    "TS131",
    "a reserved name",
    "A dim, input, stream, block, mark or part has a name that the language uses itself.",
    "In an expression or a pipeline the name would mean two things.",
    "dims: {width: 768}",
    "Choose another name.",
)
CLASH = Rule(
    "TS132",
    "one name for two things",
    "A dim, input, stream or block has the name of another one, or of a step.",
    "In a pipeline or an expression the name would mean two things.",
    "dims: {text: 5}  # and a stream named text",
    "Rename one of them.",
)


@dataclass
class Names:
    """The names of a spec, by what they are."""

    spec: Spec
    marks: dict[str, dict[str, Span]] = field(default_factory=dict[str, dict[str, Span]])
    """The marks of every stream."""
    parts: set[str] = field(default_factory=set[str])
    axes: set[str] = field(default_factory=set[str])
    labels: set[str] = field(default_factory=set[str])

    @cached_property
    def sources(self) -> set[str]:
        """What a pipeline may begin with."""
        marks = {f"{stream}.{mark}" for stream, own in self.marks.items() for mark in own}
        return {*self.spec.inputs, *self.spec.streams, *marks}

    @property
    def any_mark(self) -> set[str]:
        """Every mark, without its stream."""
        return {mark for own in self.marks.values() for mark in own}

    def inputs(self, *kinds: str) -> set[str]:
        """The inputs of these kinds."""
        return {name for name, each in self.spec.inputs.items() if each and each.kind in kinds}


def collect(spec: Spec) -> tuple[Names, list[Diagnostic]]:
    """The names of a spec, and those that clash or are reserved."""
    names = Names(spec)
    found = _clashes(spec)
    names.parts |= {*spec.streams, *spec.inputs, *spec.outputs}
    for each in filter(None, spec.inputs.values()):
        names.axes |= {axis.name for axis in each.axes if axis.name}
        names.axes |= _meant(spec, each)
    streams = {name: [*layers_in(declared)] for name, declared in spec.streams.items()}
    for layer in chain(layers_in((spec.blocks, spec.outputs)), *streams.values()):
        _add(layer, names)
        found += _reserved_parts(layer)
    names.marks |= {name: _marks(layers, found) for name, layers in streams.items()}
    return names, found


def _meant(spec: Spec, declared: InputDecl) -> set[str]:
    """The dims that misspelt axes mean: the typo is told where it stands, and not where they do."""
    wrong = (axis.name for axis in declared.axes if axis.name and axis.name not in spec.dims)
    return {near for name in wrong if (near := nearest(name, spec.dims))}


def layers_in(value: Any) -> Iterator[Layer]:
    """Every layer in a value of a spec, however deep."""
    return (each for each in walk(value) if isinstance(each, Layer))


def walk(value: Any) -> Iterator[Any]:
    """A value of a spec and all that is in it, each before what it consists of."""
    pending = [value]
    while pending:
        each = pending.pop()
        yield each
        if way := _way_in(each.__class__):
            pending += way(each)[::-1]


def inside(value: Any) -> list[Any]:
    """What a value of a spec consists of: fields, items, values."""
    way = _way_in(value.__class__)
    return way(value) if way else []


@cache
def _way_in(kind: type) -> Callable[[Any], list[Any]] | None:
    """How to what values of a type consist of, if of anything: many values are of few types."""
    for whole, way in _WAYS:
        if issubclass(kind, whole):
            return way
    names = _field_names(kind)
    return (lambda value: [getattr(value, name) for name in names]) if names else None


_WAYS: tuple[tuple[type | UnionType, Callable[[Any], list[Any]] | None], ...] = (
    (Located, lambda value: [getattr(value, name) for name in value.model_fields_set]),
    (Series, lambda value: [*value.items]),
    (dict, lambda value: [*value.values()]),
    (tuple, lambda value: [*value]),
    (Span | Ref | Expression | Predicate, None),
)


def _field_names(kind: type) -> list[str]:
    """The fields of a dataclass: an operand, a token."""
    return [each.name for each in fields(kind)] if is_dataclass(kind) else []


def _add(layer: Layer, names: Names) -> None:
    match layer:
        case Prepend():
            names.parts |= {each.name for each in layer.tokens or ()}
            names.axes |= {each.name for each in layer.tokens or () if each.count}
        case Concat():
            names.parts |= {each.name for each in layer.of or () if each.name}
        case Learn() | Zeros():
            names.axes |= set(layer.axes or ())
        case Zip() if layer.slots:
            names.axes.add(layer.axis)
            names.labels |= set(layer.labels or ())
        case _:
            return


def _reserved_parts(layer: Layer) -> list[Diagnostic]:
    match layer:
        case Prepend():
            given = [("part", each.name, each.span) for each in layer.tokens or ()]
        case Mark():
            given = [("mark", str(layer.name), layer.span_of("name"))]
        case Concat():
            given = [("part", each.name, layer.span) for each in layer.of or () if each.name]
        case _:
            return []
    return [reserved(*each) for each in given if each[1] in RESERVED]


def _marks(layers: list[Layer], found: list[Diagnostic]) -> dict[str, Span]:
    """The marks in a stream's layers."""
    marks: dict[str, Span] = {}
    for layer in layers:
        if isinstance(layer, Mark) and layer.name:
            name, span = str(layer.name), layer.span_of("name")
            if name in marks:
                found.append(_clash(f"mark {quoted(name)}", span, "mark", marks[name]))
            marks.setdefault(name, span)
    return marks


def _clashes(spec: Spec) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    first: dict[str, tuple[str, Span]] = {}
    known = steps()
    tables = {"dim": spec.dims, "input": spec.inputs, "stream": spec.streams, "block": spec.blocks}
    for kind, table in tables.items():
        for name in table:
            span, what = table.span_of(name), f"{kind} {quoted(name)}"
            if name in RESERVED:
                found.append(reserved(kind, name, span))
            elif name in known:
                message = f"{what} has the name of a step"
                found.append(diagnostic(CLASH, message, span))
            elif name in first:
                found.append(_clash(what, span, *first[name]))
            first.setdefault(name, (kind, span))
    return found


def reserved(kind: str, name: str, span: Span) -> Diagnostic:
    """A name that the language uses itself."""
    return diagnostic(RESERVED_NAME, f"{kind} {quoted(name)} has a reserved name", span)


def _clash(what: str, span: Span, other: str, first: Span) -> Diagnostic:
    message = f"{what} has the name of {'an' if other[0] in 'aeiou' else 'a'} {other}"
    return Diagnostic(CLASH, message, Label(span), (Label(first, f"the {other}"),))
