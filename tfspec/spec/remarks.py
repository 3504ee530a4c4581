"""What is allowed in a spec and rarely meant: notes, that refuse nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.diagnostics.escape import quoted
from tfspec.spec.expression import Expression
from tfspec.spec.names import collect, walk
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
    made = [*walk((spec.blocks, spec.streams, spec.outputs))]
    rest = walk((spec.dims, spec.inputs, spec.init, spec.assume, spec.expect))
    used = {name for each in (*made, *rest) for name in _names(each)}
    for name in spec.dims.keys() - used:
        place = Label(spec.dims.span_of(name))
        yield Diagnostic(UNUSED, f"nothing uses dim {quoted(name)}", place, severity="note")
    yield from _unread(spec, {each.stream for each in made if isinstance(each, Ref)})


def _unread(spec: Spec, read: set[str]) -> Iterator[Diagnostic]:
    """Streams that neither an output nor anything else reads, by their names or marks."""
    unread = spec.streams.keys() - read
    marks = collect(spec)[0].marks if unread else {}
    for name in unread:
        if not marks[name].keys() & read:
            message = f"nothing reads stream {quoted(name)}: its weights change nothing"
            help = ("read it in `outputs`, or by `to`",)
            place = Label(spec.streams.span_of(name))
            yield Diagnostic(UNREAD, message, place, help=help, severity="note")


def _names(value: Any) -> Iterable[str]:
    """Every name that a value of a spec itself has, and that may be a dim's."""
    match value:
        case Expression() | Predicate():
            return value.names
        case Space():
            return (name for term in value.terms for name in term.names)
        case Position() if value.label is not None:
            return (value.label,)
        case Axes():
            return map(str, value)
        case _:
            return ()
