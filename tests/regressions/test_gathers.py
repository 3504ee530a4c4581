"""Mistakes once made in steps that choose and move over tokens: the smallest spec of each, held
against the plain reading of the language."""

from __future__ import annotations

import pytest
import yaml

from tests.fuzz.oracle import examine

SPECS = {
    "a stream per an axis that its input has before the batch": """
dims: {B: batch, T: 2..3}
inputs: {ids_: ids(9) T B}
streams: {each: {do: [ids_, {embed: 2}], per: T}}
outputs: {y: each}
""",
    "a convolution of an input whose axis of `per` stands behind its grid": """
dims: {B: batch, T: 1..4, U: 4..6, W: 2..3}
inputs: {x: float B (2) W U T}
streams: {each: {do: [x, {conv: {size: {W: 1, U: 2}, width: 4}}], per: [T]}}
outputs: {y: each}
""",
    "a condition of `take` that asks for a coordinate, though a dim has its name": """
dims: {B: batch, T: 5}
inputs: {tokens: ids(8) B T}
streams: {one: [tokens, {embed: 4}, {take: {T: last(T < 2 and tokens != 7)}}]}
outputs: {y: one}
""",
    "a splice among parts of which one lacks what is compared": """
dims: {B: batch, T: 3}
inputs: {x: float B T (5), tokens: ids(9) B T}
streams:
  all: [x, {prepend: cls}, {splice: {at: tokens != 3 and not abs(T - 1) < 1, from: {learn: {width: 5}}}}]
outputs: {y: all}
""",
}


@pytest.mark.parametrize("what", SPECS)
def test_it_is_as_the_language_has_it(what: str) -> None:
    text = f"tfspec: 1\nname: toy{SPECS[what]}"
    seen = examine(text, tree=yaml.safe_load(text))
    assert (seen.status, seen.agreed) == ("ok", True)
