"""Mistakes once made in building graphs: each spec here is the smallest that showed one."""

from __future__ import annotations

import pytest

from tfspec.passes.check import check
from tfspec.passes.emit.emit import emit
from tfspec.spec.load import load_text

HEAD = "tfspec: 1\nname: toy\n"


def told(text: str) -> list[str]:
    """The messages about a spec, after it was emitted in both styles where it is right."""
    checked = check(load_text(HEAD + text), {})
    if checked.graph is not None:
        for style in ("fast", "explicit"):
            compile(emit(checked.graph, style=style), "<emitted>", "exec")
    return [f"{each.code} {each.message}" for each in checked.diagnostics]


RIGHT = {
    "ids whose axes come in another order can be embedded": """
dims: {B: batch, T: 1..4}
inputs: {tokens: ids(9) T B}
streams: {text: [tokens, {embed: 4}]}
outputs: {y: text}
""",
    "a block adds to an input that bears the input's name": """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
blocks: {layer: {do: [{linear: width}]}}
streams: {text: [states, {stack: {of: layer, depth: 2}}]}
outputs: {y: text}
""",
    "a list block that does nothing leaves a value as it is": """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
blocks: {nothing: [{dropout: 0}]}
streams: {a: states, b: [a, {stack: {of: nothing, depth: 2}}], c: [a, {prepend: cls}, {take: c}]}
outputs: {y: a, z: b, w: c}
""",
    "a branch for one part adds to that part": """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
blocks: {layer: {do: [{ffn: {hidden: 3, act: relu, only: left}}]}}
streams: {a: states, b: [{concat: {left: a, right: a}}, {stack: {of: layer, depth: 2}}]}
outputs: {y: b}
""",
    "attention outside a block reads a part, and `self`": """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
streams:
  a: [states, {prepend: {reg: 2}}, {attend: {heads: 2, to: reg}}, {attend: {heads: 2, to: self, mask: causal}}]
outputs: {y: a}
""",
    "a model without a stack has one layer, so that `n` divides": """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
streams: {a: [states, {ffn: {hidden: 3, act: relu}}]}
outputs: {y: a}
init: {residual: (2 * n) ** -0.5}
""",
    "a mark of another stream is read by its bare name": """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
streams: {a: [states, {attend: {heads: 2, to: here}}], b: [states, {mark: here}, relu]}
outputs: {y: a, z: b}
""",
    "parts of a concat have the names of their keys": """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
streams: {a: states, b: [{concat: {left: a, right: a}}, {take: left}]}
outputs: {y: b}
""",
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_this_is_right(text: str) -> None:
    assert told(text) == []


WRONG = {
    "all tokens are of the only part, and what is not is nothing": (
        """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
streams: {a: [states, {attend: {heads: 2, mask: query.a and not key.a}}]}
outputs: {y: a}
""",
        ["TS254 `query.a and not key.a` hides every key from every query"],
    ),
    "a stream that reads itself where no part has its name": (
        """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
blocks: {layer: {do: [{attend: {heads: 2, to: a}}, {ffn: {hidden: 3, act: relu}}]}}
streams: {b: [states, {prepend: cls}], a: [states, {prepend: cls}, {sum: [b]}, layer]}
outputs: {y: a}
""",
        ["TS206 `a` is read while it is made"],
    ),
    "the features of an input have one size": (
        """
dims: {B: batch, T: 1..4, C: 1..3}
inputs: {states: float B T (C)}
streams: {a: [states, {linear: 3}]}
outputs: {y: a}
""",
        ["TS205 C varies, and weights have one size"],
    ),
    "a part is replaced only by what fits": (
        """
dims: {B: batch, T: 1..4}
inputs: {states: float B T (4)}
blocks: {layer: {residual: none, do: [[{ffn: {hidden: 3, act: relu, only: cls}}, {linear: 5}]]}}
streams: {a: [states, {prepend: cls}, layer]}
outputs: {y: a}
""",
        ["TS210 this branch makes [B, 5], and cannot be added to [B, 4]"],
    ),
}


@pytest.mark.parametrize(("text", "messages"), WRONG.values(), ids=WRONG.keys())
def test_this_is_wrong(text: str, messages: list[str]) -> None:
    assert told(text) == messages


def test_a_branch_that_merges_by_one_can_be_added() -> None:
    """x/(k/3) is x where k is 3: sizes of a residual are compared by what is known of them."""
    text = (
        "tfspec: 1\nname: toy\ndims: {B: batch, x: 4, k: 3}\ninputs: {a: float B x (k)}\n"
        "blocks: {block: {do: [{merge: {x: k / 3}}]}}\nstreams: {s: [a, block]}\noutputs: {y: s}\n"
    )
    assert [each.message for each in check(load_text(text), {}).diagnostics] == []
