"""Of several outputs a text is continued by the first that lies along it, wherever that stands."""

from __future__ import annotations

import pytest
import torch

from tests.parity.running import randomise, run_file
from tests.test_modes import STYLES, assert_equal_at_every_position
from tfspec.api import Architecture
from tfspec.spec.load import load_text

HEARD = """
tfspec: 1
name: heard
dims: {B: batch, F: 12, M: 4, T: 1..9, V: 11, d: 8}
inputs: {mel: float B F (M), tokens: ids(V) B T}
blocks:
  hear: {norm: {at: pre}, do: [{attend: {heads: 2}}]}
  tell: {norm: {at: pre}, do: [{attend: {heads: 2, mask: causal}}, {attend: {heads: 2, to: sound}}]}
streams:
  sound: [mel, {linear: d}, {stack: {of: hear, depth: 1}}]
  text: [tokens, {embed: d}, {stack: {of: tell, depth: 2}}]
outputs:
"""
SOUNDS, LOGITS = "  sounds: [sound, {linear: 5}]\n", "  logits: [text, {linear: V}]\n"


def heard(*outputs: str) -> Architecture:
    return Architecture(load_text(HEARD + "".join(outputs)))


@pytest.mark.parametrize("style", STYLES)
@torch.no_grad()
def test_the_text_goes_on_behind_another_output(style: str) -> None:
    model = run_file(heard(SOUNDS, LOGITS).emit(style=style, parts=("generate",))).build().eval()
    randomise(dict(model.named_parameters()), 1)
    mel, text = torch.randn(2, 12, 4), torch.randint(11, (2, 7))
    cache = model.cache(2, 9)
    found = [model.prefill(mel, text[:, :3], cache)]
    for at in range(3, 7):
        found.append(model.decode(text[:, at : at + 1], torch.tensor([at]), cache))
    assert_equal_at_every_position(torch.cat(found, dim=1), model(mel, text)[1], 3)


@pytest.mark.parametrize("mode", ["prefill", "decode"])
def test_costs_and_shapes_are_those_of_the_output_alone(mode: str) -> None:
    both, alone = heard(SOUNDS, LOGITS), heard(LOGITS)
    costs = [spec.cost(mode=mode) for spec in (both, alone)]
    both_told, alone_told = ((cost.flops, cost.cache) for cost in costs)
    assert both_told == alone_told
    assert costs[0].number(costs[0].flops) > 0
    rows = [[row.label for row in spec.shapes(mode=mode).rows] for spec in (both, alone)]
    assert rows[0] == rows[1]
