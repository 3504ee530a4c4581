"""Loops over stacks: what differs from layer to layer is passed to the right layer."""

from __future__ import annotations

import torch

from tfspec.api import Architecture
from tfspec.runtime.build import build
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: two masks
dims: {B: batch, T: 1..64, V: 99, d: 16, h: 2}
inputs: {tokens: ids(V) B T}
blocks:
  near: {norm: {at: pre}, do: [{attend: {heads: h, mask: causal and within(2)}}]}
  far: {extends: near, attend: {mask: causal and within(9)}}
streams:
  text: [tokens, {embed: d}, STACKS]
outputs: {out: text}
"""


def model(stacks: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return build(Architecture(load_text(SPEC.replace("STACKS", stacks))).emit()).eval()


@torch.no_grad()
def test_one_class_with_two_masks_in_turn() -> None:
    """Both layers are one class; each is given its own mask."""
    together = model("{stack: {of: [near, far], depth: 2}}")
    apart = model("{stack: {of: near, depth: 1}}, {stack: {of: far, depth: 1}}")
    swapped = model("{stack: {of: far, depth: 1}}, {stack: {of: near, depth: 1}}")
    for other in (apart, swapped):
        pairs = zip(other.parameters(), together.parameters(), strict=True)
        for theirs, ours in pairs:
            theirs.copy_(ours)
    tokens = torch.randint(99, (2, 20))
    assert torch.equal(together(tokens), apart(tokens))
    assert not torch.allclose(together(tokens), swapped(tokens))
