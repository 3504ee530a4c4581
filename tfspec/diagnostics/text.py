"""Diagnostics as text for people: the source lines, what is underlined, and help.

    error[TS201]: width 768 cannot be split into 10 heads
      --> bert-base.yaml:13:25
       |
    13 |       - attend: {heads: h, mask: key.valid}
       |                         ^ h = 10, and 768 = 10 × 76 + 8

Text from a spec is never markup: it is escaped, and cut where it is longer than a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from tfspec.diagnostics.diagnostic import Diagnostic, Label
from tfspec.diagnostics.escape import escape, shorten
from tfspec.diagnostics.excerpt import Excerpt, excerpt
from tfspec.diagnostics.lines import split_lines
from tfspec.diagnostics.margin import Margin
from tfspec.diagnostics.span import Span

_MOST_SHOWN = 100
_LONGEST_TEXT = 600


def render(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], *, color: bool = False
) -> str:
    """The messages as text, each ending in a newline, with an empty line between them.

    `sources` has the texts by file name; a file that it lacks is named, and not quoted.
    """
    every = list(diagnostics)
    lines = {file: split_lines(text) for file, text in sources.items()}
    pages = ["\n".join(_page(each, lines, color)) + "\n" for each in every[:_MOST_SHOWN]]
    if len(every) > _MOST_SHOWN:
        pages.append(f"… and {len(every) - _MOST_SHOWN} more\n")
    return "\n".join(pages)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place, how it is underlined, and what of its line is shown (None: no text at hand)."""

    label: Label
    sign: str
    style: str
    part: Excerpt | None

    @property
    def span(self) -> Span:
        return self.label.span

    @property
    def shown_line(self) -> tuple[int, str]:
        return self.span.line, self.part.text if self.part else ""


def _page(diagnostic: Diagnostic, lines: Mapping[str, list[str]], color: bool) -> Iterator[str]:
    marks = _marks(diagnostic, lines)
    widest = max((len(str(mark.span.line)) for mark in marks if mark.part), default=1)
    margin = Margin(widest, color)
    title = margin.paint(f": {_clean(diagnostic.message)}", "bold")
    yield margin.paint(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity) + title
    yield from _places(marks, margin)
    for kind, texts in (("note", diagnostic.notes), ("help", diagnostic.help)):
        yield from (margin.item(kind, _clean(text)) for text in texts)


def _marks(diagnostic: Diagnostic, lines: Mapping[str, list[str]]) -> list[_Mark]:
    """The primary place, where an alias there leads, and the secondary places."""
    primary, severity = diagnostic.primary, diagnostic.severity
    marks: list[_Mark] = []
    if primary:
        marks.append(_Mark(primary, "^", severity, _part(primary.span, lines)))
    if primary and primary.span.origin:
        meant = Label(primary.span.origin, "the alias stands for this")
        marks.append(_Mark(meant, "-", "frame", _part(meant.span, lines)))
    others = (
        _Mark(label, "-", "frame", _part(label.span, lines)) for label in diagnostic.secondary
    )
    return [*marks, *others]


def _places(marks: list[_Mark], margin: Margin) -> Iterator[str]:
    """The places by file; those that follow each other on one line share it."""
    sign = "-->"
    for _, in_file in groupby(marks, key=lambda mark: mark.span.file):
        group = list(in_file)
        yield margin.arrow(sign, escape(str(group[0].span)))
        for (number, text), on_line in groupby(group, key=lambda mark: mark.shown_line):
            yield from _block(number, text, list(on_line), margin)
        sign = ":::"


def _block(number: int, text: str, marks: list[_Mark], margin: Margin) -> Iterator[str]:
    """One line of source and what is said below it."""
    if marks[0].part is None:
        yield from (
            margin.item("note", _clean(mark.label.text)) for mark in marks if mark.label.text
        )
        return
    yield margin.bar()
    yield margin.numbered(number, text)
    for mark in marks:
        if mark.part:
            line = f"{mark.sign * mark.part.width} {_clean(mark.label.text)}".rstrip()
            yield margin.bar(" " * mark.part.offset + margin.paint(line, mark.style))


def _part(span: Span, lines: Mapping[str, list[str]]) -> Excerpt | None:
    text = lines.get(span.file, [])
    if not 1 <= span.line <= len(text):
        return None
    line = text[span.line - 1]
    end = span.end_column if span.end_line == span.line else len(line.rstrip()) + 1
    return excerpt(line, span.column - 1, end - 1)


def _clean(text: str) -> str:
    return shorten(escape(shorten(text, _LONGEST_TEXT)), _LONGEST_TEXT)
