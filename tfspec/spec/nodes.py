"""The nodes of a YAML text: scalars, sequences and mappings, each with its place."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `text` is as written (unquoted), `value` what YAML's core rules make of it.

    `content_column` is the column of the first character of `text`, where the text stands
    literally on one line of the file (no escapes, no folding), else None.
    """

    span: Span
    value: str | int | float | bool | None
    text: str
    content_column: int | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """`[a, b]`, or items with dashes."""

    span: Span
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """`{key: value}`, or keys on lines. Keys are scalars, each once; a key is its `text`."""

    span: Span
    entries: tuple[tuple[Scalar, Node], ...]

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return next((value for name, value in self.entries if name.text == key), None)

    def key(self, key: str) -> Scalar | None:
        """The node of a key itself, or None."""
        return next((name for name, _ in self.entries if name.text == key), None)


Node = Scalar | Sequence | Mapping
