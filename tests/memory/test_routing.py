"""The peak of experts: in the fast style no routing changes it; in the explicit one, the rows that
each expert gets do, and are taken to be as equal as can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from tests.bundled import small
from tests.memory.live import differences, drawn, labels, lived, small_sizes
from tests.memory.measure import DTYPES, STYLES
from tests.parity.running import run_file
from tests.test_experts import CASES, spec
from tfspec.passes.cost.text import ROUTED
from tfspec.passes.memory.peak import peak
from tfspec.program.program import Precision, Style
from tfspec.shadow import machine, routing, vocabulary
from tfspec.shadow import run as stand_in
from tfspec.shadow.dtypes import FLOAT32, INT64
from tfspec.shadow.machine import Machine, Unpriced, balanced
from tfspec.shadow.tensor import Tensor, place

pytestmark = pytest.mark.filterwarnings("default")


QUICK = ("with biases", "groups")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "case",
    [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES],
)
def test_a_step(case: str, style: Style, dtype: Precision) -> None:
    assert differences(spec(case, "{linear: d}, "), style, dtype) == []


@pytest.mark.parametrize("style", STYLES)
def test_one_row_an_expert(style: Style) -> None:
    """Some experts get a row of [1, f], whose first axis an assignment drops, others none."""
    toy = spec("two of five", "{linear: d}, ")
    sizes = {**toy.semantics.bindings(), "B": 1, "T": 1}
    assert differences(toy, style, "fp32", sizes) == []


def one_sided(rows: int, experts: int) -> Sequence[int]:
    """Each token takes the first two experts."""
    return [rows // 2, rows - rows // 2, *[0] * (experts - 2)]


def told(style: Style, shares: Callable[[int, int], Sequence[int]] = balanced) -> int:
    mixtral = small("mixtral-8x7b", 1)
    made = Machine(dispatch=True)
    made.shares = shares
    sizes, source = small_sizes(mixtral), mixtral.emit(style=style)
    stand_in.train(stand_in.ready(mixtral.semantics, source, sizes, "fp32", made))
    return made.peak


def test_routing_changes_the_explicit_style_alone() -> None:
    assert told("fast", one_sided) == told("fast")
    assert told("explicit", one_sided) > told("explicit")


def test_the_fast_style_at_torchs_own_routing() -> None:
    mixtral = small("mixtral-8x7b", 1)
    sizes = small_sizes(mixtral)
    for seed in range(2):
        torch.manual_seed(seed)
        model = run_file(mixtral.emit()).build()
        live = lived(model, drawn(mixtral, sizes, torch.float32), labels(mixtral, sizes))
        assert live.peak == peak(mixtral.semantics, sizes=sizes, dispatch=True).bytes


def test_it_is_said() -> None:
    said, other = (small(name, 1).cost("train") for name in ("mixtral-8x7b", "gpt2"))
    assert ROUTED in said.text().splitlines()
    assert ROUTED not in other.text()
    assert json.loads(said.json())["memory"]["peak_routing"] == "equal shares"
    assert "peak_routing" not in json.loads(other.json())["memory"]


def test_shares_as_equal_as_can_be() -> None:
    assert balanced(11, 4) == [3, 3, 3, 2]
    assert balanced(2, 3) == [1, 1, 0]


def test_numbers_that_are_not_counted_are_refused() -> None:
    with pytest.raises(Unpriced, match=r"^Tensor\.tolist has no memory rule$"):
        routing.tolist(place(Machine(), "input", (3,), INT64))
    x = place(Machine(), "input", (3, 2), FLOAT32)
    flags = x[:, 0] > 0
    with pytest.raises(Unpriced, match=r"^an index of booleans has no memory rule$"):
        x[flags]


def unequal(rows: int, experts: int) -> Sequence[int]:
    return list(reversed(balanced(rows, experts)))


def one_bound(ids: Any, num_classes: int) -> Any:
    return routing.fresh("one_hot", (ids,), (*ids.shape, num_classes), INT64)


MISTAKES: dict[str, tuple[object, str, object]] = {
    "the last experts have one more": (machine, "balanced", unequal),
    "no look at the ids": (vocabulary.FUNCTIONAL, "one_hot", one_bound),
    "no values beside the order": (
        Tensor, "argsort", lambda x, *_, **__: routing.like("sort", x),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, broken = MISTAKES[mistake]
    if isinstance(owner, dict):
        monkeypatch.setitem(owner, name, broken)
    else:
        monkeypatch.setattr(owner, name, broken)
    assert differences(spec("sigmoid"), "fast", "fp32") != []
