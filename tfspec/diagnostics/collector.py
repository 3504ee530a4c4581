"""What a pass found: diagnostics in the order of their places, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfspec.diagnostics.diagnostic import Diagnostic


class Diagnostics:
    """A collector that passes add to. Iterates by place; equal diagnostics count once."""

    def __init__(self, found: Iterable[Diagnostic] = ()) -> None:
        self._found: dict[Diagnostic, None] = dict.fromkeys(found)

    def add(self, diagnostic: Diagnostic) -> None:
        """Add one, unless an equal one is there."""
        self._found.setdefault(diagnostic)

    def replace(self, old: Diagnostic, new: Diagnostic) -> None:
        """One in place of another: the same mistake, of which more is known."""
        self._found.pop(old, None)
        self.add(new)

    def extend(self, found: Iterable[Diagnostic]) -> None:
        """Add each of several."""
        for diagnostic in found:
            self.add(diagnostic)

    @property
    def errors(self) -> list[Diagnostic]:
        """The errors, by place."""
        return [diagnostic for diagnostic in self if diagnostic.severity == "error"]

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings and notes are fine."""
        return not self.errors

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found, key=_place))

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Diagnostics({[f'{each.code} {each.message}' for each in self]})"


def _place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return (span.file, span.line, span.column) if span else ("", 0, 0)
