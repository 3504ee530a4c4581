"""What is allowed in a spec and rarely meant: notes, that refuse nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.diagnostics.escape import quoted
from tfspec.spec.expression import Expression
from tfspec.spec.names import collect, inside
from tfspec.spec.parts import Position, Space
from tfspec.spec.pipeline import Ref
from tfspec.spec.predicate import Predicate
from tfspec.spec.schema import Spec
from tfspec.spec.types import Axes

NO_BATCH = Rule(
    "TS311",
    "no batch",
    "No dim is a `batch`, so that every axis of the inputs is tokens, the first one too.",
    "Attention then runs across the examples of a batch, and positions are counted through them.",
    "dims: {B: 4, T: 1..512}  # tokens: ids(V) B T",
    "Declare `B: batch`; `--set B=4` gives it a number.",
)
UNUSED = Rule(
    "TS312",
    "a dim that nothing uses",
    "A dim is declared, and no input, block, stream or other dim names it.",
    "It is most often a misspelt name, and the size that was meant is another.",
    "dims: {B: batch, h: 8, hedas: 12}",
    "Use it, or leave it out.",
)


UNREAD = Rule(
    "TS313",
    "a stream that nothing reads",
    "A stream is declared, and no output, block or other stream reads it.",
    "Its weights would be in the model, and change nothing.",
    "streams: {memory: [source, norm], text: [target, norm]}  # outputs: {states: text}",
    "Read it, in `outputs` or by `to`, or leave it out.",
)


def remarks(spec: Spec) -> Iterator[Diagnostic]:
    """Notes about a spec whose names are resolved."""
    sources = [each for each in spec.inputs.values() if len(each.layout) > 1]
    if sources and not any(dim.kind == "batch" for dim in spec.dims.values()):
        label = Label(sources[0].span, "all of these are axes of tokens")
        message = "no dim is a batch: attention runs across the first axis too"
        first = sources[0].layout[0].name
        help = (f"declare `{first}: batch`",) if first else ()
        yield Diagnostic(NO_BATCH, message, label, (), help, severity="note")
    used = set(_names((spec.inputs, spec.blocks, spec.streams, spec.outputs, spec.init)))
    used |= {name for dim in spec.dims.values() if dim.size for name in dim.size.names}
    used |= set(_names((spec.assume, spec.expect)))
    for name in spec.dims.keys() - used:
        place = Label(spec.dims.span_of(name))
        yield Diagnostic(UNUSED, f"nothing uses dim {quoted(name)}", place, severity="note")
    yield from _unread(spec)


def _unread(spec: Spec) -> Iterator[Diagnostic]:
    """Streams that neither an output nor anything else reads, by their names or marks."""
    read = {ref.stream for ref in _refs((spec.blocks, spec.streams, spec.outputs))}
    marks = collect(spec)[0].marks
    for name in spec.streams.keys() - read:
        if not marks[name].keys() & read:
            message = f"nothing reads stream {quoted(name)}: its weights change nothing"
            help = ("read it in `outputs`, or by `to`",)
            place = Label(spec.streams.span_of(name))
            yield Diagnostic(UNREAD, message, place, help=help, severity="note")


def _refs(value: Any) -> Iterator[Ref]:
    """Every name that a pipeline reads, in a value of a spec."""
    if isinstance(value, Ref):
        yield value
    for each in inside(value):
        yield from _refs(each)


def _names(value: Any) -> Iterator[str]:
    """Every name in a value of a spec that may be a dim's."""
    match value:
        case Expression() | Predicate():
            yield from value.names
        case Space():
            for term in value.terms:
                yield from term.names
        case Position() if value.label is not None:
            yield value.label
        case Axes():
            yield from map(str, value)
        case _:
            for each in inside(value):
                yield from _names(each)
