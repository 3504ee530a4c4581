"""A message as a value: what is wrong, where, where the other size came from, what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfspec.diagnostics.rule import Rule
from tfspec.diagnostics.span import Span

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Label:
    """A place, and what is said beside it (which may be nothing)."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message. Texts may hold anything a spec holds: the renderers escape it."""

    rule: Rule
    message: str
    primary: Label | None
    secondary: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    severity: Severity = "error"

    @property
    def code(self) -> str:
        """The code of its rule, `TS201`."""
        return self.rule.code

    @property
    def span(self) -> Span | None:
        """The place that is underlined, if there is one."""
        return self.primary.span if self.primary else None
