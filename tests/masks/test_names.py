"""A name of two things in a mask: refused where it may mean either, and only there."""

from __future__ import annotations

import pytest

from tfspec import api
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: toy
dims: {B: batch, T: 6, V: 9, d: 8, h: 2}
inputs: {tokens: ids(V) B T, kinds: ids(3) B T, valid: bool B T}
streams:
  other: [tokens, embed: d]
  text: [tokens, embed: d, STEP, attend: {heads: h, KNOBS}]
outputs: {y: text}
"""
CASES = [
    ("prepend: valid", "mask: key.valid", ["TS239"]),
    ("prepend: valid", "mask: query.valid or causal", ["TS239"]),
    ("prepend: {kinds: 2}", "mask: key.kinds == 1", ["TS239"]),
    ("prepend: {valid: 2}", "mask: key.valid == 1", ["TS239"]),
    # a number is no part's; what an input of ids says is no condition, whatever else is called so
    ("prepend: kinds", "mask: key.kinds == 1", []),
    ("prepend: kinds", "mask: not key.kinds or causal", ["TS122"]),
    # the keys have no such part, only the queries do
    ("prepend: valid", "to: other, mask: key.valid", []),
]


@pytest.mark.parametrize(("step", "knobs", "codes"), CASES)
def test_a_name_of_two_things(step: str, knobs: str, codes: list[str]) -> None:
    found = api.Architecture(load_text(SPEC.replace("STEP", step).replace("KNOBS", knobs))).check()
    assert [each.code for each in found.diagnostics if each.severity == "error"] == codes
