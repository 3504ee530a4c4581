"""Rows of a table over tokens: as many as the longest text that the spec allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.diagnostics import Rule, Span
from tfspec.symbolic import Dim, Multiple, sym

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

NO_LONGEST = Rule(
    "TS222",
    "a table of positions without a longest length",
    "`pos`, `rope` or `rel_bias` makes a table over an axis whose size has no largest value.",
    "A table has as many rows as the longest allowed length.",
    "dims: {T: multiple(8)}  # pos: learned",
    "Give the dims of the axis a largest value: `1..512`, `multiple(8) <= 512`.",
)


def longest(g: Builder, length: Dim, place: Span) -> Dim:
    """The length where it is fixed, else its largest value; one without is refused at `place`."""
    if g.facts.value(length) is not None:
        return length
    most = g.facts.maximum(length)
    if most is None:
        message = f"a table of positions needs a longest length, and {length} has none"
        loose = [n for n in sorted(length.symbols) if g.facts.maximum(sym(n)) is None]
        help = [f"give `{loose[0]}` one value, or {_with_an_end(g, loose[0])}"]
        raise g.refuse(NO_LONGEST, message, place, came=g.declared(*loose), help=help)
    return Dim.of(most)


def _with_an_end(g: Builder, name: str) -> str:
    """A declaration of the dim that has a largest value."""
    domain = g.facts.domains[name]
    if isinstance(domain, Multiple):
        most = domain.of * max(2, 512 // domain.of)
        return f"a largest one: `{name}: {replace(domain, most=most)}`"
    return f"a range such as `{name}: 1..512`"
