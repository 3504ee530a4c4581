"""Which tokens a table of positions is over: its space held against the value's parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfspec.construct.rules import NO_AXIS
from tfspec.diagnostics import Rule, nearest
from tfspec.graph.space import Part
from tfspec.spec.parts import Space
from tfspec.spec.parts import Term as Written

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

TWO_ROWS = Rule(
    "TS256",
    "a place with two rows of one table",
    "The space of a table of positions has an axis twice in one product, or two of its terms are "
    "over the same part of the value.",
    "Each token has one row of a table, or none.",
    "pos: {learned: H + W}  # on patches H*W",
    "Write one step for each table: `pos: {learned: H}`, then `pos: {learned: W}`.",
)

Axes = tuple[str, ...]
Covered = list[tuple[Axes, tuple[Part, ...]]]


def covered(g: Builder, x: Tensor, space: Space) -> Covered:
    """Each term of the table's space: its axes, and the parts of x that it is over.

    Without terms, or with those of x itself, it is over each part of x. Else a term is a product of
    axes, each of which its parts have, or the name of a whole part.
    """
    written = [term.names for term in space.terms]
    if space.all_tokens or written == [axes_of(part) or (part.name,) for part in x.space.parts]:
        return [(axes_of(part), (part,)) for part in x.space.parts]
    found = [_term(g, x, term) for term in space.terms]
    taken: set[str] = set()
    for term, (_, over) in zip(space.terms, found, strict=True):
        twice = sorted(part.name for part in over if part.name in taken)
        if twice:
            message = f"two terms of the table are over part `{twice[0]}`"
            help = ["write one `pos` step for each table"]
            raise g.refuse(TWO_ROWS, message, term.spans[0], help=help)
        taken |= {part.name for part in over}
    return found


def _term(g: Builder, x: Tensor, term: Written) -> tuple[Axes, tuple[Part, ...]]:
    whole = x.space.part(term.names[0]) if len(term.names) == 1 else None
    if whole is not None:
        return axes_of(whole), (whole,)
    _check_axes(g, x, term)
    wanted = set(term.names)
    over = tuple(part for part in x.space.parts if wanted & set(axes_of(part)))
    if any(not wanted <= set(axes_of(part)) for part in over):
        raise g.not_yet("a table over axes of which a part has only some", term.spans[0])
    return term.names, over


def _check_axes(g: Builder, x: Tensor, term: Written) -> None:
    """Each name is an axis of the value, and is there once."""
    axes = sorted({axis for part in x.space.parts for axis in axes_of(part)})
    parts = [part.name for part in x.space.parts] if len(term.names) == 1 else []
    known = [*axes, *parts]
    for at, (name, span) in enumerate(zip(term.names, term.spans, strict=True)):
        if name not in known:
            near = nearest(name, known)
            help = [f"did you mean `{near}`?"] if near else _listed(axes, parts)
            raise g.refuse(NO_AXIS, f"the value here has no axis `{name}`", span, help=help)
        if name in term.names[:at]:
            message = f"axis `{name}` stands twice in one term of a table"
            raise g.refuse(TWO_ROWS, message, span, help=["leave the second one out"])


def _listed(axes: Sequence[str], parts: Sequence[str]) -> list[str]:
    """What a table may be over: a part stands for all of its tokens."""
    named = {"axes": axes, "parts": parts}
    return [f"its {kind}: {', '.join(names)}" for kind, names in named.items() if names]


def axes_of(part: Part) -> Axes:
    return tuple(axis.name for axis in part.axes)
