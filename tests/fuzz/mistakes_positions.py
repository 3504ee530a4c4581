"""Mistakes made on purpose in positions of attention, sinks, zeros, rounds and parts side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tfspec.layers.attend_pos import AttendPos, Origins
from tfspec.ops import attention, tokens, zeros
from tfspec.program import expr as ex
from tfspec.program import method

Patch = pytest.MonkeyPatch

SPEC = """\
tfspec: 1
name: toy
dims: {B: batch, T: 2..4, S: 2..3, d: 4, e: 6}
inputs: {words: ids(9) B T, heard: float B S (e), shown: float B T (d)}
blocks:
  turn: {share: turn(i % 2), do: [{attend: {heads: 2, pos: {query: learned, key: shown}, sinks: true}}]}
  both:
    do:
      - attend: {only: text, heads: 1, to: heard, pos: {key: sinusoidal}}
      - attend: {only: heard, heads: 1, to: text}
streams:
  text: [words, {embed: d}, {stack: {of: turn, depth: 4}}]
  joint: [{concat: {text: text, heard: heard}}, both]
  asked: [{zeros: {axes: {Q: 2}, width: d}}, {attend: {heads: 1, to: text, pos: {query: learned}}}]
  still: [{zeros: shown}, {attend: {heads: 1, pos: shown}}]
outputs: {a: [joint, {take: text}], b: [joint, {take: heard}], c: asked, d: still}
"""


def also_to_values(patch: Patch) -> None:
    added = AttendPos.added

    def all_alike(self: AttendPos, *given: Any) -> Origins:
        made = added(self, *given)
        return Origins(made.query, made.key, made.key)

    patch.setattr(AttendPos, "added", all_alike)


def to_queries_alone(patch: Patch) -> None:
    added = AttendPos.added

    def halved(self: AttendPos, *given: Any) -> Origins:
        made = added(self, *given)
        return Origins(made.query, made.value, made.value)

    patch.setattr(AttendPos, "added", halved)


def sinks_that_take_nothing(patch: Patch) -> None:
    patch.setattr(attention, "beside", lambda low, scores, sink: scores)
    patch.setattr(attention, "without", lambda weights: weights)


def sinks_of_another_sign(patch: Patch) -> None:
    beside = attention.beside
    patch.setattr(attention, "beside", lambda low, scores, sink: beside(
        low, scores, sink.times(ex.Number(-1, "scale"))))  # fmt: skip


def zeros_that_are_ones(patch: Patch) -> None:
    lower = zeros.Zeros.lower
    patch.setattr(zeros.Zeros, "lower", lambda self, low, node: lower(self, low, node) + low.buffer(
        "ones", ex.Call(ex.Name("torch.ones"), (ex.Name("1"),)), (node.outputs[0].shape[-1],)))  # fmt: skip


def a_round_less(patch: Patch) -> None:
    patch.setattr(method.Loop, "rounds", property(lambda loop: len(loop.turns) // loop.own - 1))


def parts_in_another_place(patch: Patch) -> None:
    """What is side by side is changed as it is put there."""
    together = tokens.side_by_side
    patch.setattr(tokens, "side_by_side", lambda pieces, shape: together(
        [piece.times(ex.Number(1.1, "scale")) for piece in pieces], shape))  # fmt: skip


MISTAKES: tuple[Callable[[Patch], None], ...] = (
    also_to_values,
    to_queries_alone,
    sinks_that_take_nothing,
    sinks_of_another_sign,
    zeros_that_are_ones,
    a_round_less,
    parts_in_another_place,
)
