"""What reads what: the order of streams, and the streams and blocks that go round in circles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tfspec.diagnostics import Diagnostic, Label, Rule, Span
from tfspec.diagnostics.escape import quoted
from tfspec.layers.base import Layer
from tfspec.layers.combine import Concat
from tfspec.layers.prepend import Prepend
from tfspec.layers.stack import Pattern
from tfspec.spec.cycles import cycles, ordered
from tfspec.spec.located import Located
from tfspec.spec.names import Names, inside
from tfspec.spec.pipeline import Ref, Series
from tfspec.spec.schema import Spec

STREAM_CYCLE = Rule(
    "TS137",
    "streams that read each other",
    "A stream reads itself, directly or through others.",
    "Streams are computed one after the other, each from finished ones.",
    "streams: {a: [b, norm], b: [a, norm]}",
    "Let one of them read something else; attention over a stream's own tokens needs no `to`.",
)
BLOCK_CIRCLE = Rule(
    "TS138",
    "blocks that contain each other",
    "A block contains itself, directly or through others.",
    "It would have no end.",
    "blocks: {a: [norm, b], b: [relu, a]}",
    "Use `stack` for a block that is repeated.",
)


@dataclass
class Reads:
    """What a pipeline mentions: names it reads, names that `to` may read, and blocks it uses."""

    sources: dict[str, Span] = field(default_factory=dict[str, Span])
    by_to: dict[str, Span] = field(default_factory=dict[str, Span])
    blocks: dict[str, Span] = field(default_factory=dict[str, Span])
    parts: set[str] = field(default_factory=set[str])


def stream_order(spec: Spec, names: Names) -> list[str]:
    """The streams, each after those that it reads."""
    return ordered(_stream_needs(spec, names, _of_blocks(spec)))


def circles(spec: Spec, names: Names) -> Iterator[Diagnostic]:
    """The streams that read each other, and the blocks that contain each other."""
    blocks = _of_blocks(spec)
    inner = {name: each.blocks for name, each in blocks.items()}
    for cycle in cycles(inner):
        yield _circle(BLOCK_CIRCLE, "blocks contain", cycle, inner)
    needs = _stream_needs(spec, names, blocks)
    for cycle in cycles(needs):
        yield _circle(STREAM_CYCLE, "streams read", cycle, needs)


def _circle(
    rule: Rule, what: str, cycle: list[str], needs: dict[str, dict[str, Span]]
) -> Diagnostic:
    if len(cycle) == 1:
        return _itself(rule, what, cycle[0], needs)
    chain = " -> ".join(map(quoted, [*cycle, cycle[0]]))
    spans = [needs[name][after] for name, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
    labels = tuple(Label(span, "and here") for span in spans[1:4])
    return Diagnostic(rule, f"{what} each other: {chain}", Label(spans[0]), labels)


def _itself(rule: Rule, what: str, name: str, needs: dict[str, dict[str, Span]]) -> Diagnostic:
    thing, verb = what.split()
    help = "name another one, or a mark that stands before: `stream.mark`"
    way = (help,) if rule is STREAM_CYCLE else ("repeat a block with `stack`",)
    message = f"{thing.removesuffix('s')} {quoted(name)} {verb}s itself"
    return Diagnostic(rule, message, Label(needs[name][name]), help=way)


def _of_blocks(spec: Spec) -> dict[str, Reads]:
    """What each block reads itself."""
    return {name: _reads(block, spec) for name, block in spec.blocks.items()}


def _stream_needs(spec: Spec, names: Names, own: dict[str, Reads]) -> dict[str, dict[str, Span]]:
    """For every stream, the streams that it reads, with the places where it does."""
    blocks = _whole_blocks(own)
    reads = {name: _with_blocks(_reads(each, spec), blocks) for name, each in spec.streams.items()}
    needs = {name: _streams(name, each.sources, spec) for name, each in reads.items()}
    for name, each in reads.items():
        parts = _parts(name, reads, needs)
        others = {to: span for to, span in each.by_to.items() if to not in parts}
        for to, span in others.items():
            for stream in _owners(name, to, spec, names):
                needs[name].setdefault(stream, span)
    return needs


def _whole_blocks(own: dict[str, Reads]) -> dict[str, Reads]:
    """What each block reads, with the blocks in it."""
    whole: dict[str, Reads] = {}
    for name in ordered({name: each.blocks for name, each in own.items()}):
        whole[name] = _with_blocks(own[name], whole)
    return whole


def _with_blocks(reads: Reads, blocks: dict[str, Reads]) -> Reads:
    for name in reads.blocks:
        if inner := blocks.get(name):
            reads.sources = {**inner.sources, **reads.sources}
            reads.by_to = {**inner.by_to, **reads.by_to}
            reads.parts |= inner.parts
    return reads


def _streams(reader: str, sources: dict[str, Span], spec: Spec) -> dict[str, Span]:
    """The streams among the sources. A stream may read its own marks: they are made before."""
    found: dict[str, Span] = {}
    for name, span in sources.items():
        stream, _, mark = name.partition(".")
        if stream in spec.streams and not (stream == reader and mark):
            found.setdefault(stream, span)
    return found


def _owners(reader: str, name: str, spec: Spec, names: Names) -> list[str]:
    """The other streams that a name in `to` may read: a mark comes before a stream."""
    stream, _, mark = name.partition(".")
    if name in names.marks.get(reader, ()) or (mark and stream == reader):
        return []
    marked = [stream for stream, marks in names.marks.items() if name in marks]
    return marked or ([stream] if stream in spec.streams else [])


def _parts(stream: str, reads: dict[str, Reads], needs: dict[str, dict[str, Span]]) -> set[str]:
    """The parts that the values of a stream may have: its own, and those of what it reads."""
    seen: dict[str, None] = {stream: None}
    for each in list(seen):
        pending = [each]
        while pending:
            for other in needs[pending.pop()]:
                if other not in seen:
                    seen[other] = None
                    pending.append(other)
    return {*seen, *(part for each in seen for part in reads[each].parts)}


def _reads(value: Any, spec: Spec) -> Reads:
    reads = Reads()
    _visit(value, reads, spec, part=False)
    return reads


def _visit(value: Any, reads: Reads, spec: Spec, *, part: bool) -> None:
    match value:
        case Ref(name, span):
            table = reads.blocks if name in spec.blocks else reads.by_to if part else reads.sources
            table.setdefault(name, span)
        case Pattern():
            for block in value.blocks():
                reads.blocks.setdefault(block.name, block.span)
        case Series(items):
            for index, item in enumerate(items):
                _visit(item, reads, spec, part=part and not index)
        case Located():
            reads.parts |= _parts_of(value)
            fields = value.part_fields if isinstance(value, Layer) else frozenset[str]()
            for name in value.model_fields_set:
                _visit(getattr(value, name), reads, spec, part=name in fields)
        case _:
            for each in inside(value):
                _visit(each, reads, spec, part=False)


def _parts_of(layer: Located) -> set[str]:
    """The parts that a layer gives names to."""
    match layer:
        case Prepend():
            return {each.name for each in layer.tokens or ()}
        case Concat():
            return {each.name for each in layer.of or () if each.name}
        case _:
            return set()
