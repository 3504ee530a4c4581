"""Random merges of tokens into features, and splits of features into tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fuzz.maker import Maker
from tests.fuzz.steps import Made
from tests.fuzz.values import Axis, Val

WIDEST = 24


def merge(m: Maker, x: Val) -> Made | None:
    return _resized(m, x, "merge")


def split(m: Maker, x: Val) -> Made | None:
    return _resized(m, x, "split")


def _resized(m: Maker, x: Val, kind: str) -> Made | None:
    """Some axes in any order, each by a size that surely divides."""
    if x.single or len(x.parts) > 1:
        return None
    axes = {axis.name: axis for axis in x.parts[0].axes}
    names = [name for name in axes if m.chance(80)] or list(axes)[:1]
    if m.chance(50):
        names = names[::-1]
    sizes: dict[str, Any] = {}
    width = x.width
    for name in names:
        most = axes[name].step if kind == "merge" else width
        fitting = [n for n in range(1, min(most, 4) + 1) if most % n == 0]
        by = m.pick([n for n in fitting if kind == "split" or width * n <= WIDEST][::-1] or [1])
        axes[name], width = _made(axes[name], width, by, kind)
        sizes[name] = m.size(by)
    parts = (replace(x.parts[0], axes=tuple(axes.values())),)
    return {kind: sizes}, replace(x, parts=parts, width=width)


def _made(axis: Axis, width: int, by: int, kind: str) -> tuple[Axis, int]:
    return (axis.cut(by), width * by) if kind == "merge" else (axis.grown(by), width // by)
