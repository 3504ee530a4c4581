"""Where a YAML parser gave up: the two places it names, and the text around them."""

from __future__ import annotations

from dataclasses import dataclass

from yaml.error import MarkedYAMLError

from tfspec.diagnostics import Diagnostic, Label, Rule, Span
from tfspec.diagnostics.lines import split_lines

SYNTAX = Rule(
    "TS009",
    "not YAML",
    "The text breaks the rules of YAML: a bracket or quote left open, a wrong indentation.",
    "Without its structure nothing in the file can be read.",
    "dims: {d: 768, h: 12",
    "Close what is open at the place shown, and line up keys that belong together.",
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A parser's error. `line` and `column` count from 0: where it gave up; `start_*`: since when.

    `context` and `problem` are the parser's words; both parsers of PyYAML name the same places.
    """

    file: str
    lines: list[str]
    context: str
    problem: str
    line: int
    column: int
    start_line: int
    start_column: int

    @classmethod
    def of(cls, error: MarkedYAMLError | None, text: str, file: str) -> Trouble:
        """What the error tells; where it names no start, the place itself."""
        error = error or MarkedYAMLError()
        place, start = error.problem_mark, error.context_mark or error.problem_mark
        line, column = (place.line, place.column) if place else (0, 0)
        start_line, start_column = (start.line, start.column) if start else (0, 0)
        context, problem = error.context or "", error.problem or ""
        lines = split_lines(text)
        return cls(file, lines, context, problem, line, column, start_line, start_column)

    @property
    def here(self) -> str:
        """The text from the place to the end of its line."""
        return self.text(self.line)[self.column :]

    @property
    def before(self) -> str:
        """The text from the start of the line to the place."""
        return self.text(self.line)[: self.column]

    @property
    def opener(self) -> str:
        """The text from the start of what was being read to the end of its line."""
        return self.text(self.start_line)[self.start_column :]

    @property
    def at_end(self) -> bool:
        """Whether nothing but empty lines follows the place."""
        return not any(map(str.strip, [self.here, *self.lines[self.line + 1 :]]))

    def text(self, line: int) -> str:
        """A line, counted from 0; empty outside the text."""
        return self.lines[line] if 0 <= line < len(self.lines) else ""

    def above(self, line: int) -> int:
        """The nearest line above with more than a comment on it, or -1."""
        for number in range(line - 1, -1, -1):
            if self.text(number).strip() and not self.text(number).lstrip().startswith("#"):
                return number
        return -1

    def span(self, line: int, column: int, width: int = 1) -> Span:
        """A place on one line, from counts that begin at 0."""
        return Span(self.file, line + 1, column + 1, line + 1, column + 1 + width)

    def at(self, text: str = "", width: int = 1) -> Label:
        """A label where the parser gave up."""
        return Label(self.span(self.line, self.column, width), text)

    def since(self, text: str = "", width: int = 1) -> Label:
        """A label where what was being read begins."""
        return Label(self.span(self.start_line, self.start_column, width), text)


def says(message: str, primary: Label, *secondary: Label, hint: str = "") -> Diagnostic:
    """A diagnostic of the rule for broken YAML."""
    return Diagnostic(SYNTAX, message, primary, secondary, (hint,) if hint else ())
