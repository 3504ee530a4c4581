"""Every loss of `build --loss` is what its definition says, and a wrong one is seen."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

import pytest

from tests.fuzz import running
from tests.fuzz.broken import Broken
from tests.fuzz.losses import Told, check_one
from tests.fuzz.oracle import emitted
from tests.fuzz.reference.losses import LOSSES
from tfspec.graph.graph import Graph
from tfspec.losses import contrastive, cross_entropy, regression
from tfspec.passes.check import check
from tfspec.spec.load import load_text

Patch = pytest.MonkeyPatch
SPEC = """\
tfspec: 1
name: toy
dims: {B: batch, T: 2..4, V: 9, d: 4}
inputs: {tokens: ids(V) B T, numbers: float B (d)}
streams: {text: [tokens, {embed: d}, {attend: {heads: 2, mask: causal}}, {linear: V}]}
outputs: {words: text, pairs: [numbers, {linear: d}, {similarity: {to: numbers}}]}
"""


@cache
def built() -> tuple[Graph, running.Built]:
    done = check(load_text(SPEC), {})
    assert done.graph
    return done.graph, emitted(done.graph, done.params, 0, twice=False)


def told() -> set[str]:
    """The kinds that so many draws have."""
    found = [check_one(*built(), Random(at)) for at in range(60)]
    return {each.kind for each in found if isinstance(each, Told)}


def test_every_loss_is_as_defined() -> None:
    assert told() == LOSSES.keys()


def of_the_same_token(patch: Patch) -> None:
    """A token told by itself."""
    patch.setattr(cross_entropy.NextToken, "first", "")


def smoothed(patch: Patch) -> None:
    made = cross_entropy._PLAIN.replace("=smoothing", "=0.1")
    patch.setattr(cross_entropy, "_PLAIN", made)


def rows_alone(patch: Patch) -> None:
    """Rows told twice, and no column."""
    made = contrastive._SOFTMAX.replace("logits.T, pairs", "logits, pairs")
    patch.setattr(contrastive.Contrastive, "template", made)


def signs_the_other_way(patch: Patch) -> None:
    made = contrastive._SIGMOID.replace("signs * logits", "-signs * logits")
    patch.setattr(contrastive.Sigmoid, "template", made)


def without_squares(patch: Patch) -> None:
    patch.setattr(regression, "_BODY", regression._BODY.replace("square", "abs"))


@pytest.mark.parametrize(
    "sabotage", [of_the_same_token, smoothed, rows_alone, signs_the_other_way, without_squares]
)
def test_another_loss_is_seen(sabotage: Callable[[Patch], None], monkeypatch: Patch) -> None:
    sabotage(monkeypatch)
    with pytest.raises(Broken, match="and by definition"):
        told()
