"""A place in a file: where a node of a spec stands, and what a message underlines."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Lines and columns count from 1, columns count characters, and the end is exclusive.

    `origin` is set on what an alias stands for: the span is then where the alias is used, and
    `origin` where the text itself is written. It takes no part in comparisons.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    origin: Span | None = field(default=None, compare=False)

    @classmethod
    def whole(cls, file: str) -> Span:
        """The file as such, for a mistake that stands at no line (a missing file)."""
        return cls(file, 0, 0, 0, 0)

    @property
    def is_whole(self) -> bool:
        """Whether this is a file as such, without a line."""
        return self.line == 0

    def to(self, end: Span) -> Span:
        """From the start of this span to the end of another one in the same file."""
        return Span(self.file, self.line, self.column, end.end_line, end.end_column, self.origin)

    def __str__(self) -> str:
        return self.file if self.is_whole else f"{self.file}:{self.line}:{self.column}"
