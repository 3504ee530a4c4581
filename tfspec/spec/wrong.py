"""How a validator says what is wrong: diagnostics in an exception that pydantic carries outward."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import replace

from tfspec.diagnostics import Diagnostic, Label, Rule, Span
from tfspec.diagnostics.escape import quoted

recovering: ContextVar[bool] = ContextVar("recovering", default=False)
"""Whether validation goes on behind a mistake, so that the rest can be checked as well."""

NOWHERE = Span("<python>", 1, 1, 1, 1)
"""The place of what was made in Python, not read from a file."""


class Wrong(ValueError):
    """Carries diagnostics out of a validator; it never leaves `tfspec.spec`.

    A diagnostic without a place gets that of the value, from the model that holds the value. If
    `names_knob` is false its message is a predicate ("takes a size"), and the model puts the name
    of the knob in front.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], *, names_knob: bool = True) -> None:
        super().__init__("wrong")
        self.diagnostics = tuple(diagnostics)
        self.names_knob = names_knob

    def about(self, knob: str, span: Span | None) -> tuple[Diagnostic, ...]:
        """The diagnostics, of the value of this knob, at this place if they have none."""
        found = tuple(place(each, span) for each in self.diagnostics)
        if self.names_knob:
            return found
        return tuple(replace(each, message=f"{quoted(knob)} {each.message}") for each in found)


def gather(found: list[Wrong]) -> Wrong:
    """Several in one."""
    diagnostics = [each for one in found for each in one.diagnostics]
    if any(one.names_knob for one in found):
        diagnostics = [each for one in found for each in one.about("each item", None)]
        return Wrong(diagnostics)
    return Wrong(diagnostics, names_knob=False)


def wrong(
    rule: Rule, message: str, span: Span | None, label: str = "", *, helps: Iterable[str] = ()
) -> Wrong:
    """One diagnostic, to be raised."""
    return Wrong((diagnostic(rule, message, span, label, helps=helps),))


def diagnostic(
    rule: Rule, message: str, span: Span | None, label: str = "", *, helps: Iterable[str] = ()
) -> Diagnostic:
    """A diagnostic with at most one label."""
    primary = Label(span, label) if span and span != NOWHERE else None
    return Diagnostic(rule, message, primary, help=tuple(helps))


def place(found: Diagnostic, span: Span | None) -> Diagnostic:
    """The diagnostic at a place, unless it has one."""
    if found.primary or not span or span == NOWHERE:
        return found
    return replace(found, primary=Label(span))


def either(names: Iterable[str]) -> str:
    """Names in a sentence: `a`, `b` or `c`."""
    *first, last = [quoted(name) for name in names]
    return f"{', '.join(first)} or {last}" if first else last
