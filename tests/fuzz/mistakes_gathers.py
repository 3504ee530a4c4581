"""Mistakes made on purpose in steps that move over, interleave, choose and replace tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tfspec.graph import mask_tree as mt
from tfspec.layers import attend
from tfspec.ops import conv, found, grids, similarity, splice
from tfspec.program import expr as ex
from tfspec.symbolic import Dim

Patch = pytest.MonkeyPatch

SPEC = """\
tfspec: 1
name: toy
dims: {B: batch, T: 4..6, S: 2..3, V: 9, d: 4}
inputs: {tokens: ids(V) B T, grid: float B S T (d), many: ids(V) T B S, keep: ids(T + 1) B S}
streams:
  text: [tokens, {embed: d}]
  moved: [text, {conv: {size: {T: 3}, stride: {T: 2}, pad: {T: 1}, width: d}}]
  filled: [text, {splice: {at: tokens % 2 == 0, from: {learn: {width: d}}}}]
  chosen: [text, {take: {T: first(tokens % 2 == 1)}}]
  kept: [text, {prepend: cls}, {take: keep}]
  turns: [{zip: {slot: {r: text, s: [text, tanh]}}}, {linear: d}, {take: {T: 1}}]
  both: [grid, {attend: {heads: 2, over: [T]}}, {sum: [{scale: 1}, text]}]
  each: {do: [many, {embed: d}, {attend: {heads: 2}}], per: T}
outputs:
  a: moved
  b: filled
  c: [chosen, {similarity: {to: chosen, scale: exp, bias: 0}}]
  e: [turns, {take: {slot: s}}]
  f: both
  h: kept
  g: each
"""


def unpadded_kernels(patch: Patch) -> None:
    """As many places, each one further on."""
    lower = conv.Conv.lower
    patch.setattr(conv.Conv, "lower", lambda self, low, node, *x: lower(
        replace(self, pads=tuple(Dim.of(0) for _ in self.pads)), low, node, *x))  # fmt: skip


def turns_in_another_order(patch: Patch) -> None:
    lower = grids.Interleave.lower
    patch.setattr(grids.Interleave, "lower", lambda self, low, node, *x: lower(
        self, low, node, *x[::-1]))  # fmt: skip


def what_should_stay(patch: Patch) -> None:
    """The other tokens are replaced."""
    lower = splice.Splice.lower
    patch.setattr(splice.Splice, "lower", lambda self, low, node, *x: lower(
        replace(self, at=replace(self.at, tree=mt.Not(self.at.tree))), low, node, *x))  # fmt: skip


def the_last_one(patch: Patch) -> None:
    lower = found.TakeFound.lower
    patch.setattr(found.TakeFound, "lower", lambda self, low, node, *x: lower(
        replace(self, which="last"), low, node, *x))  # fmt: skip


def the_first_token(patch: Patch) -> None:
    """Whatever the positions are."""
    lower = found.TakeAt.lower
    patch.setattr(found.TakeAt, "lower", lambda self, low, node, x, at: lower(
        self, low, node, x, at - at))  # fmt: skip


def of_the_first_row(patch: Patch) -> None:
    """All samples get tokens of one."""
    rows = found.TakeAt._rows
    patch.setattr(found.TakeAt, "_rows", lambda *given: [row - row for row in rows(*given)])


def the_first_place(patch: Patch) -> None:
    lower = grids.TakeIndex.lower
    patch.setattr(grids.TakeIndex, "lower", lambda self, low, node, *x: lower(
        replace(self, index=Dim.of(0)), low, node, *x))  # fmt: skip


def twice_as_similar(patch: Patch) -> None:
    lower = similarity.Similarity.lower
    patch.setattr(similarity.Similarity, "lower", lambda self, low, node, *x: lower(
        self, low, node, *x).times(ex.Number(2, "scale")))  # fmt: skip


def added_twice(patch: Patch) -> None:
    lower = grids.AddAlong.lower
    patch.setattr(grids.AddAlong, "lower", lambda self, low, node, *x: lower(
        self, low, node, x[0], x[1].times(ex.Number(2, "scale"))))  # fmt: skip


def everything_meets(patch: Patch) -> None:
    """`over` is not heard."""
    patch.setattr(attend, "read_over", lambda *_: None)


MISTAKES: tuple[Callable[[Patch], None], ...] = (
    unpadded_kernels,
    turns_in_another_order,
    what_should_stay,
    the_last_one,
    the_first_token,
    of_the_first_row,
    the_first_place,
    twice_as_similar,
    added_twice,
    everything_meets,
)
