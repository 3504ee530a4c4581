"""How weights start at 0: the linear maps that the spec's `init` names, told apart in code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label
from tfspec.program import expr as ex
from tfspec.program.layout import WIDTH
from tfspec.program.refusal import NotYet

if TYPE_CHECKING:
    from tfspec.program.program import Member, Program

_CALLED = {"gate": "gates", "modulate": "modulations", "linear": "linear maps"}
_ZEROING = ("    for parameter in module.parameters():", "        nn.init.zeros_(parameter)")


def lines(program: Program) -> list[str]:
    """The lines that set maps to 0 which start there, whatever was drawn for them.

    A name alone tells them from others; or with the dot, for the root may have another map of that
    name; or that no dot is there.
    """
    gone, kept = (_maps(program, gone=gone) for gone in (True, False))
    for name, _ in sorted(gone & kept):
        raise _alike(program, name)
    also = {name for name, _ in gone} & {name for name, _ in kept}
    plain = sorted({name for name, _ in gone} - also)
    root, inner = ([n for n, i in sorted(gone) if n in also and i == at] for at in (False, True))
    tests = [_among('name.split(".")[-1]', plain), _among("name", root), _among("", inner)]
    return [line for test in tests if test for line in (*test, *_ZEROING)]


def _maps(program: Program, *, gone: bool) -> set[tuple[str, bool]]:
    """Linear maps that start at 0, or the others: the name, and whether of an inner module."""
    return {
        (member.name, scope.parent is not None)
        for scope, members in program.members.items()
        for member in members.values()
        if makes(member, "nn.Linear") and at_zero(member) == gone
    }


def _alike(program: Program, name: str) -> NotYet:
    what = f"a map called `{name}` that starts at 0 beside one that does not"
    init = program.graph.spec.init
    assert init is not None, "no map starts at 0 unless the spec says so"
    way = "let the step stand in the stream itself, where its map has a name of its own"
    if name == "gate":
        way = "a gated ffn has such a map in the explicit style: build the fast one"
    return NotYet.of(f"{what} is not supported yet", Label(init.key_span("zeros")), way)


def _among(of: str, names: Sequence[str]) -> list[str]:
    """The test whether a module's name, or this of it, is one of these, as ruff breaks it; without
    `of`: whether it ends with a dot and one of these."""
    quoted = [f'"{name}"' if of else f'".{name}"' for name in names]
    listed = ", ".join(quoted) + ("," if len(names) == 1 else "")
    before, after = (f"if {of} in (", "):") if of else ("if name.endswith((", ")):")
    whole = f"{before}{listed}{after}"
    if not names or len(whole) <= WIDTH - 8:
        return [whole] if names else []
    if of:
        return [before, *(f"    {each}," for each in quoted), after]
    return ["if name.endswith(", f"    ({listed})", "):"]


def listed(zeros: Sequence[str]) -> str:
    """`gate` and `image.linear`: gates and linear maps of image."""
    cut = (each.rpartition(".") for each in zeros)
    words = [f"{_CALLED[step]}{f' of {place}' if place else ''}" for place, _, step in cut]
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def makes(member: Member, module: str) -> bool:
    make = member.make
    return isinstance(make, ex.Call) and isinstance(make.func, ex.Name) and make.func.name == module


def at_zero(member: Member) -> bool:
    return all(w.spec.init == 0.0 for weights in member.holds.values() for w in weights)
