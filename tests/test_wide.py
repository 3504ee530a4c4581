"""Specs with much of one thing, or with long names: their files are still what ruff would leave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fuzz.test_clean import complaints
from tfspec import api
from tfspec.spec.load import load_text

MANY = range(24)
LONG = "a_name_as_long_as_somebody_may_have_wanted_it_to_be"


def several(text: str, numbers: Sequence[int] = MANY) -> str:
    return ", ".join(text.replace("#", str(number)) for number in numbers)


def spec(inputs: str, streams: str, outputs: str, blocks: str = "") -> str:
    return f"""\
tfspec: 1
name: wide
dims: {{B: batch, T: 3..9, d: 8, h: 2, V: 7}}
inputs: {{{inputs}}}
blocks: {{{blocks}}}
streams: {{{streams}}}
outputs: {{{outputs}}}
"""


X, S = "x: float B T (d)", "s: [x, linear: d]"
MASK = f"key.{LONG}_ok and causal and key.{LONG} == query.{LONG}"
WIDE = {
    "outputs": spec(X, S, several("out_number_#: [s, linear: 3]")),
    "inputs": spec(several("x#: float B T (d)"), f"s: [sum: [{several('x#')}]]", "y: s"),
    "joined": spec(several("x#: float B T (d)"), f"s: [join: [{several('x#')}]]", "y: s"),
    "parts": spec(several("x#: float B T (d)"), f"s: [concat: [{several('x#')}]]", "y: s"),
    "tokens": spec(X, f"s: [x, prepend: [{several('cls#')}], take: [{several('cls#')}]]", "y: s"),
    "blocks": spec(
        X, f"s: [x, stack: {{of: [{several('b#')}], depth: 48}}]", "y: s",
        several("b#: {do: [ffn: {hidden: # + 1, act: relu}]}"),
    ),
    "places": spec(
        X, f"s: [x, stack: {{of: [{several('one, two, two')}], depth: 144}}]", "y: s",
        "one: {do: [ffn: {hidden: 8, act: relu}]}, two: {do: [ffn: {hidden: 8, act: gelu}]}",
    ),
    "names": spec(
        f"{LONG}: ids(V) B T, {LONG}_ok: bool B T, {LONG}_too: float B T (d)",
        f"{LONG}_s: [{LONG}, embed: d, stack: {{of: [{LONG}_a, {LONG}_b], depth: 4}}]",
        f"{LONG}_y: {LONG}_s, z: [sum: [{LONG}_s, {LONG}_too]]",
        f"{LONG}_a: {{do: [attend: {{heads: h, mask: {MASK}}}]}},"
        f"{LONG}_b: {{do: [attend: {{heads: h, to: {LONG}_too}}]}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("name", WIDE)
def test_what_is_wide_is_clean(tmp_path: Path, name: str, style: str) -> None:
    (tmp_path / "wide.py").write_text(api.Architecture(load_text(WIDE[name])).emit(style=style))
    assert complaints(tmp_path) == ""
