"""Rows of a table of positions: how many it needs, and whether it has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.construct.rules import OUTSIDE, UNDECIDED
from tfspec.diagnostics import Label, Rule, Span
from tfspec.graph.space import Part
from tfspec.layers.pos_space import Axes, Covered
from tfspec.spec.expression import SizeExpr
from tfspec.symbolic import Dim, product
from tfspec.symbolic.claims import Refuted, Unknown

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

TOO_FEW_ROWS = Rule(
    "TS255",
    "a position table shorter than the longest length",
    "`rows` of a table of positions are fewer than the longest allowed length needs.",
    "Every token has its row; past the end there is none.",
    "dims: {T: 1..1024}  # pos: {learned: T, rows: 512}",
    "Give the table more rows, or leave `rows` out; or narrow the range of the dim.",
)


def sizes_of(axes: Axes, part: Part) -> tuple[Dim, ...]:
    """The sizes of a part's axes, in the order of a term."""
    sizes = {axis.name: axis.size for axis in part.axes}
    return tuple(sizes[axis] for axis in axes)


def needed(found: Covered) -> Dim:
    """As many rows as all terms have places."""
    return sum((product(sizes_of(axes, parts[0])) for axes, parts in found), Dim.of(0))


def longest_known(g: Builder, size: Dim) -> Dim | None:
    """The size where it is fixed, else its largest value; None where there is none."""
    most = g.facts.maximum(size)
    return size if g.facts.value(size) is not None else None if most is None else Dim.of(most)


def first_row(g: Builder, offset: SizeExpr | None) -> Dim:
    """The row of the first position: `offset`, or 0."""
    if offset is None or offset.constant == 0:
        return Dim.of(0)
    start = g.fixed(g.integer(offset), offset.span)
    value = g.facts.value(start) or 0
    if value < 0:
        message = f"an offset is 0 or more, and {offset.text} is {value}"
        came = g.declared(*sorted(start.symbols))
        raise g.refuse(OUTSIDE, message, offset.span, came=came)
    return start


def enough_rows(g: Builder, rows: Dim, least: Dim, place: Span) -> None:
    """The table has the rows that it needs at every allowed size, or the spec is refused."""
    answer = g.facts.at_least(rows, least)
    came = g.declared(*sorted(rows.symbols | least.symbols))
    if isinstance(answer, Unknown):
        message = f"could neither prove nor refute that {rows} rows are enough for all sizes"
        raise g.refuse(UNDECIDED, message, place, came=came, notes=[answer.why])
    if not isinstance(answer, Refuted):
        return
    shown, value = g.example(answer), g.value_at(least, answer)
    most = g.facts.maximum(least)
    help = [f"declare `{answer.mend}`"] if answer.mend else []
    help += [f"give it {most} rows, or leave `rows` out"] if most is not None else []
    raise g.refuse(
        TOO_FEW_ROWS,
        f"a table of {g.facts.show(rows)} positions is shorter than the longest length",
        Label(place, f"{shown} needs {value} rows" if shown else f"{value} are needed"),
        came=came,
        help=help,
    )
