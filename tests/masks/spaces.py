"""Token spaces that masks are tried on: a spec, its tokens, and the inputs that a mask may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.masks.tokens import Given, Token, tokens

SIZES = {"B": 2, "T": 5, "H": 2, "W": 3, "S": 4, "P": 2}
HEAD = """\
tfspec: 1
name: toy
dims: {B: batch, T: 1..9, H: 2, W: 3, S: 1..9, P: 2, c: 6, V: 4}
inputs:
  text_in: float B T (c)
  grid_in: float B H W (c)
  film_in: float B T H W (c)
  other_in: float B S (c)
  valid: bool B T
  lit: bool B H W
  rows: bool B H
  ready: bool B S
  seen: bool B T S
  looked: bool B T W
  segments: ids(V) B T
  kinds: ids(V) B H W
streams:
  text: text_in
  grid: grid_in
  film: film_in
  other: other_in
"""
INPUTS = {
    "text_in": "BTc", "grid_in": "BHWc", "film_in": "BTHWc", "other_in": "BSc", "valid": "BT",
    "lit": "BHW", "rows": "BH", "ready": "BS", "seen": "BTS", "looked": "BTW", "segments": "BT",
    "kinds": "BHW",
}  # fmt: skip
IDS = ("segments", "kinds")
T, H, W, S = ({axis: SIZES[axis]} for axis in "THWS")


@dataclass(frozen=True)
class Space:
    """A stream whose tokens attend to themselves, or (`to`) to another stream's."""

    stream: str
    query: Mapping[str, Mapping[str, int]]
    key: Mapping[str, Mapping[str, int]] | None = None
    to: str | None = None

    def spec(self, mask: str, more: str = "") -> str:
        to = f"to: {self.to}, " if self.to else ""
        attend = f"attend: {{{to}heads: 2, {more}mask: {mask}}}"
        return f"{HEAD}  asks: [{self.stream}, {attend}]\noutputs:\n  y: asks\n"

    @property
    def source(self) -> Mapping[str, Mapping[str, int]]:
        """The parts of the keys."""
        return self.key or self.query

    @property
    def queries(self) -> list[Token]:
        return tokens(self.query)

    @property
    def keys(self) -> list[Token]:
        return tokens(self.source)


TEXT, GRID, FILM = {"text": T}, {"grid": H | W}, {"film": T | H | W}
SPACES = {
    "text": Space("text", TEXT),
    "grid": Space("grid", GRID),
    "film": Space("film", FILM),
    "both": Space("concat: [text, grid]", TEXT | GRID),
    "three": Space("concat: [grid, text, other]", GRID | TEXT | {"other": S}),
    "twice": Space("concat: [film, text]", FILM | TEXT),
    "cls": Space("[text, prepend: cls]", {"cls": {}} | TEXT),
    "cross": Space("text", TEXT, {"other": S}, "other"),
    "across": Space("text", TEXT, GRID, "grid"),
    "whole": Space("text", TEXT, GRID | {"other": S}, "[concat: [grid, other]]"),
}


def inputs(seed: int) -> dict[str, Tensor]:
    """Random inputs by name; flags hide about a third, ids are 0 to 3."""
    g = torch.Generator().manual_seed(seed)
    sizes = SIZES | {"c": 6}
    found: dict[str, Tensor] = {}
    for name, axes in INPUTS.items():
        shape = [sizes[axis] for axis in axes]
        if axes.endswith("c"):
            found[name] = torch.randn(shape, generator=g, dtype=torch.float64)
            found[name].requires_grad_()
        elif name in IDS:
            found[name] = torch.randint(0, 4, shape, generator=g)
        else:
            found[name] = torch.rand(shape, generator=g) < 0.67
    return found


def given(values: Mapping[str, Tensor]) -> dict[str, Given]:
    """The inputs that a mask may read."""
    return {
        name: Given(tuple(axes), values[name])
        for name, axes in INPUTS.items()
        if not axes.endswith("c")
    }
