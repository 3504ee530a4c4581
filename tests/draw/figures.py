"""The models that figures are tested on: every bundled spec, and each draft that checks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import tfspec
from tfspec import zoo
from tfspec.api import Architecture
from tfspec.spec.load import load_text

DRAFTS = Path(__file__).parents[1] / "drafts"
BUNDLED = tuple(zoo.names())


@cache
def loaded(name: str) -> Architecture:
    return tfspec.load(name)


MIXED = """\
tfspec: 1
name: mixed
dims: {B: batch, T: 1..64, d: 8, L: 24}
inputs: {tokens: ids(11) B T}
blocks:
  local: {norm: {at: pre}, do: [{attend: {heads: 2, mask: causal and within(8)}}]}
  global: {norm: {at: pre}, do: [{attend: {heads: 2, mask: causal}}]}
streams: {text: [tokens, {embed: d}, {stack: {of: [local, local, local, local, local, global], depth: L}}]}
outputs: {logits: [text, {linear: 11}]}
"""
"""Five local layers to a global one, four times."""


def of(text: str) -> Architecture:
    """A spec from its text."""
    return Architecture(load_text(text))


@cache
def checked_drafts() -> tuple[str, ...]:
    """Drafts of the language that this version can build, those that are bundled left out."""
    files = sorted(DRAFTS.glob("*.yaml"))
    return tuple(str(f) for f in files if f.stem not in BUNDLED and loaded(str(f)).check().ok)


EVERY = (*BUNDLED, *checked_drafts())
