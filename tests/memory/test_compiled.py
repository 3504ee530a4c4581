"""What a compiled step is said to keep is what torch's partitioner keeps, of every bundled spec."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

import tfspec
from tests.bundled import NAMES, small
from tests.memory.live import drawn, labels, small_sizes
from tests.memory.measure import DTYPES, STYLES, with_dropout
from tests.memory.partition import cut
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.passes.memory import recompute
from tfspec.passes.memory.compiled import kept_compiled
from tfspec.passes.memory.recompute import Values
from tfspec.program.program import Precision, Style

pytestmark = pytest.mark.filterwarnings("default", "ignore::DeprecationWarning")
FEW: list[tuple[str, Precision, Style, bool]] = [
    ("gpt2", "fp32", "fast", False),
    ("bert-base", "bf16", "fast", False),
    ("llama-3-8b", "bf16", "fast", False),
    ("gpt2", "fp32", "fast", True),
    ("gpt2", "fp32", "explicit", False),
    ("transformer-base", "fp32", "fast", False),
]
TOLERATED = 0.005


def spec_of(name: str, *, dropout: bool) -> tuple[Architecture, dict[str, int]]:
    """A spec at small sizes, of which a vocabulary and a length are not the least."""
    sets: dict[str, Any] = dict(small(name, 1).sets)
    if "V" in sets:
        sets["V"] = 97
    spec = with_dropout(name, sets) if dropout else tfspec.load(name, sets)
    sizes = small_sizes(spec)
    for length in {"T", "S"} & set(spec.graph.facts.domains):
        high = spec.graph.facts.domains[length].high
        if high is None or high >= 23:
            sizes[length] = 23
    return spec, sizes


def apart(name: str, dtype: Precision, style: Style, *, dropout: bool) -> float:
    """By what share of the bytes the two differ."""
    spec, sizes = spec_of(name, dropout=dropout)
    model = run_file(spec.emit(style=style)).build(dtype=DTYPES[dtype])
    seen = cut(model, drawn(spec, sizes, DTYPES[dtype]), labels(spec, sizes))
    told = kept_compiled(spec.graph, dtype=dtype, style=style, sizes=sizes)
    assert sum(row.bytes for row in told.rows) == told.bytes
    return told.bytes / seen.bytes - 1


@pytest.mark.parametrize(("name", "dtype", "style", "dropout"), FEW)
def test_a_compiled_step(name: str, dtype: Precision, style: Style, dropout: bool) -> None:
    assert apart(name, dtype, style, dropout=dropout) == 0


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(("dtype", "style"), list(product(DTYPES, STYLES)))
@pytest.mark.parametrize("name", NAMES)
def test_every_bundled_spec(name: str, dtype: Precision, style: Style, dropout: bool) -> None:
    assert abs(apart(name, dtype, style, dropout=dropout)) <= TOLERATED


def nothing(self: Values, node: Any) -> None:
    pass


MISTAKES: Mapping[str, tuple[str, tuple[Any, str, object]]] = {
    "what a product reads need not be there": ("gpt2", (Values, "_read", nothing)),
    "normalized rows are not known": ("gpt2", (Values, "_normalized", nothing)),
    "sums may reach over a product": ("gpt2", (recompute, "_far_apart", lambda value: None)),
    "a row has no statistics": ("gpt2", (Values, "_softmax", nothing)),
    "products run again": ("gpt2", (recompute, "APART", frozenset[str]())),
    "each layer has a mask of its own": (
        "bert-base",
        (Values, "_plain", lambda self, value: False),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, (owner, attribute, replacement) = MISTAKES[mistake]
    assert hasattr(owner, attribute)
    monkeypatch.setattr(owner, attribute, replacement)
    assert apart(name, "fp32", "fast", dropout=False) != 0
