"""From the events of a YAML parser to nodes with places, bounded, and strict where YAML traps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from tfspec.diagnostics import Diagnostic, Diagnostics, Label, Rule, Span
from tfspec.diagnostics.lines import split_lines
from tfspec.spec import yaml_alias, yaml_traps
from tfspec.spec.nodes import Mapping, Node, Scalar, Sequence
from tfspec.spec.scalars import resolve
from tfspec.spec.yaml_syntax import explain_syntax

BOUNDS = Rule(
    "TS017",
    "too much for a spec",
    "The file nests deeper, or holds more values, than any spec: after its aliases are put in.",
    "A few lines of aliases can stand for billions of values; reading must end.",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]   # and so on",
    "Name what repeats: a block, `stack` with a depth, `extends`.",
)

DOCUMENTS = Rule(
    "TS018",
    "several documents",
    "A second YAML document begins in the file, with `---` or after `...`.",
    "A file holds one spec; the second would go unread.",
    "name: one\n---\nname: two",
    "Move it to a file of its own, or leave the line out.",
)

MAX_DEPTH = 64
MAX_NODES = 20_000
Loader = Any
LOADER: Loader = getattr(
    yaml, "CBaseLoader", yaml.BaseLoader
)  # only its parser is used, for events
_WORD = re.compile(r"[\[{]|[^\s,\[\]{}]*")
_TAG = re.compile(r"!\S*")


def read_nodes(text: str, file: str) -> tuple[Node | None, list[Diagnostic]]:
    """The nodes of a YAML text, and all that is wrong with it as YAML.

    No node (None) where the text is empty, or where what is wrong ends the reading. Time and
    memory are bounded by the length of the text, MAX_NODES and MAX_DEPTH.
    """
    try:
        return _read(text, file, LOADER)
    except _TooDeep:
        return _read(
            text, file, yaml.BaseLoader
        )  # it gets as far as our own limit, and tells where


def _read(text: str, file: str, loader: Loader) -> tuple[Node | None, list[Diagnostic]]:
    reader = _Reader(text, file, loader)
    root = None
    try:
        root = reader.document()
    except _Stop as stop:
        reader.found.add(stop.diagnostic)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: the pure Python parser's escapes
        if "maximum nesting depth" in str(error):
            raise _TooDeep from None
        reader.found.add(explain_syntax(error, text, file))
    return root, list(reader.found)


class _TooDeep(Exception):
    """libyaml, which reads ahead, came to its own limit of depth before ours was seen."""


class _Stop(Exception):
    """The reading ends here."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


class _Reader:
    """Reads one document, event by event, and collects what is wrong."""

    def __init__(self, text: str, file: str, loader: Loader) -> None:
        self.lines = split_lines(text)
        self.file = file
        self.found = Diagnostics()
        self.events = _events(text, loader)
        self.anchors: dict[str, yaml_alias.Anchored] = {}
        self.open_anchors: dict[str, Span] = {}
        self.count = 0

    def document(self) -> Node | None:
        """The one document of the text; None where there is none."""
        next(self.events)
        if not isinstance(next(self.events), DocumentStartEvent):
            return None
        root = self.node(next(self.events), 0)
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                message = "a file holds one spec, and here a second document begins"
                hint = "move it to a file of its own, or leave the line out"
                raise _Stop(Diagnostic(DOCUMENTS, message, Label(self.word(event)), help=(hint,)))
        return root

    def node(self, event: Event, depth: int) -> Node:
        """The node that begins with an event."""
        assert isinstance(event, NodeEvent), event
        before = self.count
        self.grow(1, event)
        if isinstance(event, AliasEvent):
            return self.alias(event, depth)
        if event.anchor:
            self.open_anchors[event.anchor] = self.word(event)
        node = self.scalar(event) if isinstance(event, ScalarEvent) else self.deeper(event, depth)
        if event.anchor:
            self.open_anchors.pop(event.anchor, None)
            size, height = self.count - before, yaml_alias.height(node)
            self.anchors[event.anchor] = yaml_alias.Anchored(node, size, height)
        return node

    def scalar(self, event: ScalarEvent) -> Scalar:
        """One value, by the core rules where it is not quoted."""
        if event.tag is not None:
            self.refuse_tag(event, event.tag)
        span, text = self.span(event, event), event.value
        value = text if event.style else resolve(text)
        found = Scalar(span, value, text, _content_column(span, text, bool(event.style)))
        if isinstance(value, float) or not text.isascii():  # as few are
            self.report(yaml_traps.not_finite(found) or yaml_traps.half_a_character(found))
        return found

    def deeper(self, event: Event, depth: int) -> Node:
        """A sequence or a mapping."""
        assert isinstance(event, CollectionStartEvent), event
        self.refuse_tag(event, event.tag)
        self.limit_depth(depth + 1, event)
        is_list = isinstance(event, SequenceStartEvent)
        return self.sequence(event, depth + 1) if is_list else self.mapping(event, depth + 1)

    def sequence(self, start: CollectionStartEvent, depth: int) -> Sequence:
        """The items up to the end of a sequence."""
        items: list[Node] = []
        for event in self.events:
            if isinstance(event, CollectionEndEvent):
                return Sequence(self.extent(start, event, items), tuple(items))
            items.append(item := self.node(event, depth))
            if isinstance(item, Scalar):
                self.report(yaml_traps.missing_space(item))
        raise AssertionError("a parser ends each sequence")

    def mapping(self, start: CollectionStartEvent, depth: int) -> Mapping:
        """The entries up to the end of a mapping; keys that are refused are left out."""
        entries: dict[str, tuple[Scalar, Node]] = {}
        last: list[Node] = []
        for event in self.events:
            if isinstance(event, CollectionEndEvent):
                return Mapping(self.extent(start, event, last), tuple(entries.values()))
            key = self.node(event, depth)
            value = self.node(next(self.events), depth)
            last = [value]
            self.entry(entries, key, value, plain_key=not getattr(event, "style", None))
        raise AssertionError("a parser ends each mapping")

    def entry(
        self, entries: dict[str, tuple[Scalar, Node]], key: Node, value: Node, *, plain_key: bool
    ) -> None:
        """Add one entry, unless its key is refused."""
        refused = yaml_traps.not_a_name(key)
        if refused or not isinstance(key, Scalar):
            return self.report(refused)
        if isinstance(value, Scalar) and value.value is None and not value.text:
            self.report(yaml_traps.missing_space(key))
            value = Scalar(_key_and_colon(key.span, value.span), None, "")
        if key.value != key.text:
            key = Scalar(key.span, key.text, key.text, key.content_column)
        if key.text == "<<" and plain_key:
            return self.report(yaml_traps.merge_key(key))
        if key.text in entries:
            return self.report(yaml_traps.duplicate_key(key, entries[key.text][0]))
        entries[key.text] = (key, value)
        return None

    def alias(self, event: AliasEvent, depth: int) -> Node:
        """A copy of what the alias stands for, at the place of the alias."""
        name, span = event.anchor or "", self.span(event, event)
        if name in self.open_anchors:
            raise _Stop(yaml_alias.recursive_alias(name, span, self.open_anchors[name]))
        if name not in self.anchors:
            raise _Stop(yaml_alias.unknown_alias(name, span))
        anchored = self.anchors[name]
        self.grow(anchored.size - 1, event)
        self.limit_depth(depth + anchored.height, event)
        return yaml_alias.placed(anchored.node, span)

    def refuse_tag(self, event: Event, tag: str | None) -> None:
        """Report an explicit tag; the value is then read as if it had none."""
        if tag is not None:
            span = self.word(event, _TAG)
            self.report(
                yaml_traps.tag(self.line(span)[span.column - 1 : span.end_column - 1], span)
            )

    def grow(self, nodes: int, event: Event) -> None:
        """Count nodes, and stop where there are too many."""
        self.count += nodes
        if self.count > MAX_NODES:
            what = "its aliases stand for" if isinstance(event, AliasEvent) else "here are"
            message = f"a spec has at most {MAX_NODES:,} values, and {what} more"
            raise _Stop(Diagnostic(BOUNDS, message, Label(self.word(event))))

    def limit_depth(self, depth: int, event: Event) -> None:
        """Stop where lists and mappings are nested too deep."""
        if depth > MAX_DEPTH:
            message = f"lists and mappings are nested more than {MAX_DEPTH} deep"
            raise _Stop(Diagnostic(BOUNDS, message, Label(self.word(event))))

    def report(self, diagnostic: Diagnostic | None) -> None:
        """Collect what a check found."""
        if diagnostic:
            self.found.add(diagnostic)

    def extent(self, start: Event, end: Event, inner: list[Node]) -> Span:
        """From the start to the closing bracket, or (block style) to the end of the last value."""
        whole = self.span(start, end)
        flow = isinstance(start, CollectionStartEvent) and start.flow_style
        return whole if flow or not inner else whole.to(inner[-1].span)

    def span(self, start: Event, end: Event) -> Span:
        """From the start of one event to the end of another."""
        first, last = start.start_mark, end.end_mark
        assert first, "a parser marks its events"
        assert last, "a parser marks its events"
        return Span(self.file, first.line + 1, first.column + 1, last.line + 1, last.column + 1)

    def word(self, event: Event, pattern: re.Pattern[str] = _WORD) -> Span:
        """The first word at an event that matches, or the start of the event."""
        span = self.span(event, event)
        found = pattern.search(self.line(span), span.column - 1)
        start, end = found.span() if found else (span.column - 1, span.column - 1)
        return Span(self.file, span.line, start + 1, span.line, end + 1)

    def line(self, span: Span) -> str:
        """The line of the text where a span begins."""
        return self.lines[span.line - 1] if span.line <= len(self.lines) else ""


def _events(text: str, loader: Loader) -> Iterator[Event]:
    # PyYAML bears no types, and those that pyright brings along leave `parse` out.
    return yaml.parse(text, Loader=loader)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _key_and_colon(key: Span, nothing: Span) -> Span:
    """The place of a value that is not written: the key, with its colon if it has one."""
    has_colon = (nothing.line, nothing.column) != (key.end_line, key.end_column)
    return replace(key, end_column=key.end_column + has_colon)


def _content_column(span: Span, text: str, is_quoted: bool) -> int | None:
    width = len(text) + 2 * is_quoted
    if span.line != span.end_line or span.end_column - span.column != width:
        return None
    return span.column + is_quoted
