"""The fuzzer is able to fail: each mistake made on purpose in the compiler is caught by the oracle."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import pytest
import yaml

from tests.fuzz import mistakes_gathers, mistakes_modulations, mistakes_positions
from tests.fuzz.mistakes import MISTAKES
from tests.fuzz.oracle import examine
from tests.fuzz.specs import make, written
from tfspec.construct.sizes import Sizes
from tfspec.diagnostics import excerpt, text
from tfspec.graph.scope import Scope
from tfspec.graph.tensor import Tensor, like
from tfspec.layers import norm
from tfspec.ops import attention, linear, pointwise, positions, tokens
from tfspec.passes.emit import head
from tfspec.program import expr as ex
from tfspec.program import masks
from tfspec.spec import resolve
from tfspec.symbolic import Dim
from tfspec.symbolic.claims import Divides, Proved, Refuted, Unknown
from tfspec.symbolic.facts import Facts

Patch = pytest.MonkeyPatch
HEAD = "tfspec: 1\nname: toy\ndims: {B: batch, T: 2..4, d: 8, h: 2}\n"
INPUTS = "inputs: {tokens: ids(9) B T, valid: bool B T}\n"


# ---- mistakes
def wide_sums(patch: Patch) -> None:
    """A predicted shape that is not the tensor's."""
    patch.setattr(tokens.Join, "infer", lambda self, *x: like(x[0], x[0].width + x[-1].width + 1))


def one_parameter_more(patch: Patch) -> None:
    params = Scope.params.fget
    assert params is not None
    patch.setattr(Scope, "params", property(lambda self: params(self) + Dim.of(1)))


def lost_bias(patch: Patch) -> None:
    """A weight in the graph that the file does not have."""
    weights = linear.Linear.weights
    patch.setattr(linear.Linear, "weights",
                  lambda self, *x: {**weights(self, *x), "more": weights(self, *x)["weight"]})  # fmt: skip


def other_scale_in_one_style(patch: Patch) -> None:
    patch.setattr(attention.Scores, "_scale", lambda self, low, q: ex.Number(0.3, "scale"))


def other_factor_in_both_styles(patch: Patch) -> None:
    """Only the reference can tell."""
    patch.setattr(
        pointwise.Scale, "lower", lambda self, low, node, *x: x[0].times(ex.Number(1.1, "x"))
    )


def sum_without_first(patch: Patch) -> None:
    patch.setattr(pointwise.Add, "lower", lambda self, low, node, *x: x[1] + x[1])


def other_activation(patch: Patch) -> None:
    made = pointwise.Activation
    monkey = made.lower
    patch.setattr(made, "lower", lambda self, low, node, *x: monkey(
        made("gelu") if self.kind == "gelu_tanh" else self, low, node, *x))  # fmt: skip


def norm_of_another_eps(patch: Patch) -> None:
    patch.setattr(norm, "norm_eps", lambda g, kind, eps: 0.5)


def positions_off_by_one(patch: Patch) -> None:
    rows = positions.rows
    patch.setattr(positions, "rows", lambda low, table, *x: rows(low, table, *x) * 0.5)


def shifted_mask(patch: Patch) -> None:
    indices = masks.indices

    def shifted(*args: Any) -> Any:
        rows, columns = indices(*args)
        return rows.pointwise(ex.Binary("+", rows.ref, ex.Name("1"))), columns

    patch.setattr(masks, "indices", shifted)


def ignored_softcap(patch: Patch) -> None:
    patch.setattr(pointwise.Softcap, "lower", lambda self, low, node, *x: x[0].times(ex.Name("1")))


def wrong_part(patch: Patch) -> None:
    """Tokens of another part: equal shapes, other numbers."""
    lower = tokens.Take.lower
    patch.setattr(tokens.Take, "lower", lambda self, low, node, *x: lower(
        tokens.Take(self.space, Dim.of(0), self.words), low, node, *x))  # fmt: skip


def everything_divides(patch: Patch) -> None:
    """`ok` for a model that cannot run."""
    decide = Facts.decide
    patch.setattr(Facts, "decide", lambda self, claim: Proved("surely")
                  if isinstance(claim, Divides) else decide(self, claim))  # fmt: skip


def nothing_is_equal(patch: Patch) -> None:
    """An error for a model that runs."""
    patch.setattr(Facts, "equal", lambda self, a, b: Unknown("who knows"))


def any_position(patch: Patch) -> None:
    """`ok` for positions of which there are no tokens."""
    patch.setattr(Sizes, "positions", lambda *_: None)


def false_counterexample(patch: Patch) -> None:
    decide = Facts.decide

    def wrong(self: Facts, claim: Any) -> Any:
        answer = decide(self, claim)
        if isinstance(answer, Refuted) and answer.counterexample:
            return Refuted({name: value + 1 for name, value in answer.counterexample.items()})
        return answer

    patch.setattr(Facts, "decide", wrong)


def raw_escapes(patch: Patch) -> None:
    """Control characters that reach a terminal."""
    patch.setattr(text, "escape", lambda value: value)
    patch.setattr(excerpt, "escape_one", lambda value: value)


def a_traceback(patch: Patch) -> None:
    def boom(*args: Any, **options: Any) -> None:
        raise KeyError("boom")

    patch.setattr(resolve, "collect", boom)


def another_file_each_time(patch: Patch) -> None:
    count = iter(range(1000))
    sentence = head.sentence
    patch.setattr(head, "sentence", lambda text: sentence(f"{text} {next(count)}"))


def slow_check(patch: Patch) -> None:
    import time

    from tests.fuzz import oracle

    naps, width = iter((1.0,)), Tensor.width

    def late(tensor: Tensor) -> Dim:
        end = time.process_time() + next(naps, 0)
        while time.process_time() < end:
            pass  # asleep, it would use no time of the processor
        return width.__get__(tensor)

    patch.setattr(oracle, "SECONDS", 0.5)
    patch.setattr(Tensor, "width", property(late))


DIVISION = (
    HEAD + INPUTS + "streams: {a: [tokens, {embed: d}, {attend: {heads: 3}}]}\noutputs: {y: a}\n"
)
TILES = (
    "tfspec: 1\nname: toy\ndims: {B: batch, H: multiple(2), d: 8}\ninputs: {x: float B (3) H}\n"
    "streams: {a: [x, {patch: {size: {H: 4}, width: d}}]}\noutputs: {y: a}\n"
)
BEYOND = (
    HEAD + "inputs: {x: float B T (d), keep: ids(4) B h}\n"
    "streams: {a: [x, {take: keep}]}\noutputs: {y: a}\n"
)
HOSTILE = HEAD + INPUTS + 'streams: {a: [tokens, {embed: "\u202e"}]}\noutputs: {y: a}\n'
GENERATED = None

SABOTAGE: dict[Callable[[Patch], None], str | None] = {
    wide_sums: GENERATED,
    one_parameter_more: GENERATED,
    lost_bias: GENERATED,
    other_scale_in_one_style: GENERATED,
    other_factor_in_both_styles: GENERATED,
    sum_without_first: GENERATED,
    other_activation: GENERATED,
    norm_of_another_eps: GENERATED,
    positions_off_by_one: GENERATED,
    shifted_mask: GENERATED,
    ignored_softcap: GENERATED,
    wrong_part: GENERATED,
    nothing_is_equal: GENERATED,
    a_traceback: GENERATED,
    another_file_each_time: GENERATED,
    slow_check: GENERATED,
    everything_divides: TILES,
    any_position: BEYOND,
    false_counterexample: TILES,
    raw_escapes: HOSTILE,
    **dict.fromkeys(MISTAKES, GENERATED),
    **dict.fromkeys(mistakes_gathers.MISTAKES, mistakes_gathers.SPEC),
    **dict.fromkeys(mistakes_modulations.MISTAKES, mistakes_modulations.SPEC),
    **dict.fromkeys(mistakes_positions.MISTAKES, mistakes_positions.SPEC),
}


@pytest.mark.parametrize(
    ("sabotage", "spec"), SABOTAGE.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_the_oracle_sees(
    sabotage: Callable[[Patch], None], spec: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [spec] if spec else generated(MISTAKES.get(sabotage, ""))
    sabotage(monkeypatch)
    assert any(map(caught, texts)), "no case showed it"


@cache
def generated(word: str) -> list[str]:
    """Random specs, those with the word first."""
    texts = (written(make(Random(at))) for at in range(120))
    return sorted(texts, key=lambda text: word not in text)


def caught(text: str) -> bool:
    """Whether the oracle objects to how tfspec treats the text."""
    try:
        seen = examine(text, tree=tree_of(text), valid=False)
    except Exception:  # whatever reaches the caller is an objection
        return True
    refused = seen.status == "error" and "TS901" not in seen.codes
    return refused and text not in (DIVISION, TILES, BEYOND, HOSTILE)  # these are wrong indeed


@cache
def tree_of(text: str) -> dict[str, Any]:
    return yaml.safe_load(text)


@pytest.mark.parametrize(
    "spec", [DIVISION, TILES, BEYOND, HOSTILE], ids=["division", "tiles", "beyond", "hostile"]
)
def test_without_a_mistake_nothing_is_seen(spec: str) -> None:
    assert examine(spec, tree=tree_of(spec), valid=False).status == "error"


@pytest.mark.parametrize(
    "spec", [mistakes_gathers.SPEC, mistakes_modulations.SPEC, mistakes_positions.SPEC]
)
def test_without_a_mistake_the_newer_steps_agree(spec: str) -> None:
    seen = examine(spec, tree=tree_of(spec))
    assert (seen.status, seen.agreed, seen.runs) == ("ok", True, 3)
