"""`embed` with a table of its own for each place on some axes, against as many tables."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from tests.parity.running import model_of
from tfspec.api import Architecture, SpecError
from tfspec.spec.load import load_text

V, D = 7, 5
SPEC = """\
tfspec: 1
name: tables
dims: {B: batch, T: 1..9, H: 2, Q: 3, V: 7, d: 5}
inputs: {ids: ids(V) B INPUT}
streams:
  s: STREAM
outputs: {y: s}
"""
CASES: dict[str, tuple[str, str, str]] = {
    "the last axis": ("T Q", "Q", "[ids, {embed: {width: d, per: Q}}]"),
    "the first axis": ("H T", "H", "[ids, {embed: {width: d, per: [H]}}]"),
    "the one axis": ("Q", "Q", "[ids, {embed: {width: d, per: [Q]}}]"),
    "two axes": ("H T Q", "HQ", "[ids, {embed: {width: d, per: [H, Q]}}]"),
    "two axes, the first fastest": ("H T Q", "QH", "[ids, {embed: {width: d, per: [Q, H]}}]"),
}
SIZES = {"H": 2, "T": 4, "Q": 3}


def of(axes: str, stream: str) -> Architecture:
    return Architecture(load_text(SPEC.replace("INPUT", axes).replace("STREAM", stream)), {})


def by_hand(ids: Tensor, axes: list[str], per: str, weight: Tensor) -> Tensor:
    """Each token by itself: its places on the axes of `per` choose the table."""
    tables = weight.unflatten(0, (*(SIZES[axis] for axis in per), V))
    found = torch.empty(*ids.shape, D)
    for token in product(*map(range, ids.shape)):
        place = [token[1 + axes.index(axis)] for axis in per]
        found[token] = tables[*place, ids[token]]
    return found.flatten(1, -2)


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("what", CASES)
def test_every_place_has_its_table(what: str, style: str) -> None:
    written, per, stream = CASES[what]
    axes = written.split()
    model = model_of(of(written, stream).emit(style=style))
    (weight,) = model.parameters()
    ids = torch.randint(V, (2, *(SIZES[axis] for axis in axes)))
    expected = by_hand(ids, axes, per, weight)
    assert torch.equal(model(ids), expected)
    if len(per) > 1:
        assert not torch.equal(by_hand(ids, axes, per[::-1], weight), expected)


def test_shared_tables_are_the_same_weights() -> None:
    embed = "{embed: {width: d, per: [Q], share: codes}}"
    both = of("T Q", f"[{{sum: [[ids, {embed}], [ids, {embed}]]}}]")
    assert both.check().params == SIZES["Q"] * V * D
    one = "{embed: {width: d, share: codes}}"
    found = of("T Q", f"[{{sum: [[ids, {embed}], [ids, {one}]]}}]").check()
    assert [each.code for each in found.diagnostics] == ["TS208"]


def test_what_is_drawn_says_how_many_tables() -> None:
    assert "Q of V × d" in of("T Q", "[ids, {embed: {width: d, per: [Q]}}]").draw().text()


def test_decoding_is_refused_with_its_place() -> None:
    text = (
        SPEC.replace("INPUT", "T")
        .replace("T: 1..9", "T: 9")
        .replace(
            "STREAM",
            "[ids, {embed: {width: d, per: [T]}}, {attend: {heads: 1, mask: causal}}, {linear: V}]",
        )
    )
    architecture = Architecture(load_text(text), {})
    assert architecture.check().ok
    with pytest.raises(SpecError) as caught:
        architecture.emit(parts=("generate",))
    (found,) = caught.value.diagnostics
    message = "`embed` with `per` is not supported yet in decoding"
    assert (found.code, found.message) == ("TS901", message)
    assert found.span is not None
