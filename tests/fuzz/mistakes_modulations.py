"""Mistakes made on purpose in latents, modulation, sinusoids, layers' own weights and `none`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tfspec.layers import latent
from tfspec.ops import batch, modulation, sinusoids
from tfspec.ops import latent as latents
from tfspec.program import expr as ex
from tfspec.spec import merge
from tfspec.spec.nodes import Mapping, Node

Patch = pytest.MonkeyPatch

SPEC = """\
tfspec: 1
name: toy
dims: {B: batch, T: 2..4, d: 4, L: 2}
inputs: {tokens: ids(9) B T, time: float B}
blocks:
  look:
    norm: {kind: rms}
    residual: {gate: {from: [time_of, silu]}}
    do:
      - attend: {heads: 2, bias: false, mask: causal, latent: {q: 3, kv: 5, rope: 2}, rope: 100}
      - {linear: {width: d, share: own(i)}}
      - {linear: {width: d, share: own(i)}}
  sharper: {norm: {modulate: time_of}, do: [{attend: {heads: 1, softcap: 1}}]}
  plain: {extends: sharper, attend: {softcap: none}}
streams:
  time_of: [time, {sinusoid: {width: 6, base: 50, layout: halves}}]
  text: [tokens, {embed: d}, {stack: {of: look, depth: L}}]
  told: [tokens, {embed: d}, sharper, plain]
  one: [told, {take: {T: 0}}, {attend: {heads: 2, to: text}}, {attend: {heads: 2}}]
  seen: [text, {attend: {heads: 2, to: [{learn: {axes: {R: 3}, width: 2}}]}}]
  asked: [{learn: {axes: {Q: 2}, width: d}}, {attend: {heads: 2, to: text}}]
outputs: {a: text, b: told, c: one, d: seen, e: asked}
"""


def other_kind_of_latent(patch: Patch) -> None:
    """What is read of the block's norm is not heard."""
    made = latent.like_the_blocks
    patch.setattr(
        latent, "like_the_blocks", lambda g, role: dataclasses.replace(made(g, role), eps=0.1)
    )


def the_first_features_turn(patch: Patch) -> None:
    """Of a query those that the latent's keys are asked by."""
    replaced = latent.replace
    patch.setattr(latent, "replace", lambda op, **knobs: replaced(op, last=False))


def keys_that_do_not_turn(patch: Patch) -> None:
    lower = latents.BesideHeads.lower
    patch.setattr(latents.BesideHeads, "lower", lambda self, low, node, k, shared: lower(
        self, low, node, k, shared.times(ex.Number(0.9, "scale"))))  # fmt: skip


def factors_without_one(patch: Patch) -> None:
    """x · scale + shift."""
    patch.setattr(modulation.Modulate, "lower", lambda self, low, node, x, shift, scale: (
        x * modulation._along(node, scale, 2) + modulation._along(node, shift, 1)))  # fmt: skip


def shift_for_scale(patch: Patch) -> None:
    lower = modulation.Modulate.lower
    patch.setattr(modulation.Modulate, "lower", lambda self, low, node, x, shift, scale: lower(
        self, low, node, x, scale, shift))  # fmt: skip


def open_gates(patch: Patch) -> None:
    patch.setattr(modulation.Gate, "lower", lambda self, low, node, f, gate: f)


def cosines_before_sines(patch: Patch) -> None:
    lower = sinusoids.Sinusoid.lower
    patch.setattr(sinusoids.Sinusoid, "lower", lambda self, low, node, x: lower(
        dataclasses.replace(self, layout="cosines_first"), low, node, x))  # fmt: skip


def longer_waves(patch: Patch) -> None:
    lower = sinusoids.Sinusoid.lower
    patch.setattr(sinusoids.Sinusoid, "lower", lambda self, low, node, x: lower(
        dataclasses.replace(self, base=self.base * 2), low, node, x))  # fmt: skip


def knobs_that_stay(patch: Patch) -> None:
    """What is `none` now is as it was."""
    spread = merge._spread
    patch.setattr(merge, "_spread", lambda knobs, step: _written(spread(knobs, step)))


def _written(knobs: Node) -> Node:
    if not isinstance(knobs, Mapping):
        return knobs
    entries = [(key, value) for key, value in knobs.entries if not merge._is_none(value)]
    return dataclasses.replace(knobs, entries=tuple(entries))


def every_sample_the_first(patch: Patch) -> None:
    """What is repeated along a batch is another thing than what was there."""
    lower = batch.Repeat.lower
    patch.setattr(batch.Repeat, "lower", lambda self, low, node, x: lower(
        self, low, node, x.times(ex.Number(1.1, "scale"))))  # fmt: skip


MISTAKES: tuple[Callable[[Patch], None], ...] = (
    other_kind_of_latent,
    the_first_features_turn,
    keys_that_do_not_turn,
    factors_without_one,
    shift_for_scale,
    open_gates,
    cosines_before_sines,
    longer_waves,
    knobs_that_stay,
    every_sample_the_first,
)
