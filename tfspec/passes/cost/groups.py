"""Rows of a cost put together: by module, by kind of work, by layer, or step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from tfspec.passes.cost.work import Work
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Row

By = Literal["module", "kind", "layer", "step"]
GROUPS: tuple[By, ...] = ("module", "kind", "layer", "step")


def grouped(rows: Sequence[Row], by: By, costs: Callable[[Row], bool]) -> list[Row]:
    """The rows that cost something, seen in this way.

    module: modules and the steps between them, and in them what is made of several steps;
    kind: equal work together, whatever layer it is in; layer: nothing below a layer; step: all.
    """
    if by == "kind":
        return _kinds(rows, costs)
    hidden = {"module": _in_module, "layer": _in_block}.get(by)
    kept = [
        row for at, row in enumerate(rows) if hidden is None or not hidden(rows, at)
    ]  # fmt: skip
    return [row for row in kept if costs(row)]


def _parents(rows: Sequence[Row], at: int) -> Iterable[Row]:
    """The rows that a row stands under, the nearest first."""
    depth = rows[at].depth
    for row in reversed(rows[:at]):
        if row.depth < depth:
            depth = row.depth
            yield row


def _parent(rows: Sequence[Row], at: int) -> Row | None:
    return next(iter(_parents(rows, at)), None)


def _has_parts(rows: Sequence[Row], at: int) -> bool:
    return at + 1 < len(rows) and rows[at + 1].depth > rows[at].depth


def _in_module(rows: Sequence[Row], at: int) -> bool:
    """Whether it is a step of a module, and no composite that stands there as a whole."""
    inside = [row.kind for row in _parents(rows, at)]
    composite = rows[at].kind == "step" and _has_parts(rows, at) and inside[:1] == ["module"]
    return "module" in inside and not composite


def _in_block(rows: Sequence[Row], at: int) -> bool:
    """Whether it is inside a layer; the layers of a pattern are shown."""
    return "block" in [row.kind for row in _parents(rows, at)] and rows[at].kind != "block"


def _kinds(rows: Sequence[Row], costs: Callable[[Row], bool]) -> list[Row]:
    """Leaves by what they are part of: a composite, a module, or by themselves."""
    found: dict[str, Row] = {}
    for at, row in enumerate(rows):
        if _has_parts(rows, at) or not costs(row):
            continue
        name = _kind(rows, at)
        known = found.get(name)
        params = row.params + (known.params if known else Dim.of(0))
        work = row.work + (known.work if known else Work())
        nodes = (*(known.nodes if known else ()), *row.nodes)
        trained = row.trained + (known.trained if known else Dim.of(0))
        found[name] = type(row)(0, "step", name, 1, params, work, nodes=nodes, trained=trained)
    return list(found.values())


def _kind(rows: Sequence[Row], at: int) -> str:
    parent = _parent(rows, at)
    row = rows[at]
    inside = parent is not None and parent.kind in ("module", "step")
    label = parent.label if inside and parent is not None else row.label
    return label.split(" ")[0].rstrip("0123456789")
