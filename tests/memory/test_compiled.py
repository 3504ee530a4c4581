"""What a compiled step is said to keep is what torch's partitioner keeps, to the byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest

import tfspec
from tests.bundled import NAMES, small
from tests.memory.live import small_sizes
from tests.memory.measure import DTYPES, STYLES, with_dropout
from tests.memory.partition import cut_step
from tfspec.api import Architecture
from tfspec.passes.memory import partition
from tfspec.passes.memory.compiled import kept_compiled
from tfspec.passes.memory.partition import Partition
from tfspec.program.program import Precision, Style
from tfspec.shadow import attention, decomposed, pointless, traced_rows
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.traced import plain
from tfspec.spec.load import load_text

pytestmark = pytest.mark.filterwarnings("default", "ignore::DeprecationWarning")
Case = tuple[str, Precision, Style, bool]
FEW: list[Case] = [
    ("gpt2", "fp32", "fast", False),
    ("bert-base", "bf16", "explicit", True),
    ("llama-3-8b", "bf16", "fast", False),
    ("vit-b16", "fp32", "fast", True),
    ("decision-transformer", "bf16", "fast", False),
    ("timesformer", "bf16", "explicit", True),
    ("uniter-base", "bf16", "fast", True),
]
ALONE: Case = ("vit-b16", "bf16", "explicit", False)
"""At batch 1 products copy nothing, and attention without dropout fuses too."""
ROUTED = {"mixtral-8x7b", "deepseek-v3"}
"""Experts are in test_compiled_experts."""
LARGER = {"perceiver": {"d": 24}}
"""What is told apart in docs/costs.md is not asked: one row by a matrix of 16 by 16."""
WAYS: list[tuple[Precision, Style, bool]] = [
    (dtype, style, dropout) for dropout in (False, True) for dtype, style in product(DTYPES, STYLES)
]


def every() -> Iterator[Case]:
    """Two ways for each bundled spec, all eight in turn; copies of values alone; one query."""
    yield ("palm-e-562b", "fp32", "explicit", True)
    yield ("siglip-base", "bf16", "explicit", True)
    for at, name in enumerate(sorted(set(NAMES) - ROUTED)):
        for step in (0, 5):
            yield (name, *WAYS[(at + step) % len(WAYS)])


def spec_of(name: str, dropout: bool, **given: int) -> tuple[Architecture, dict[str, int]]:
    """A spec at small sizes, of which a vocabulary and a length are not the least, or at `given`
    ones."""
    sets: dict[str, Any] = small(name, 1).sets | LARGER.get(name, {})
    if "V" in sets:
        sets["V"] = 97
    spec = with_dropout(name, sets) if dropout else tfspec.load(name, sets)
    sizes = small_sizes(spec)
    for length in {"T", "S"} & set(spec.semantics.facts.domains):
        high = spec.semantics.facts.domains[length].high
        if high is None or high >= 23:
            sizes[length] = 23
    return spec, sizes | given


def told(name: str, dtype: Precision, style: Style, dropout: bool, **given: int) -> int:
    spec, sizes = spec_of(name, dropout, **given)
    found = kept_compiled(spec.semantics, dtype=dtype, style=style, sizes=sizes)
    assert sum(row.bytes for row in found.rows) == found.bytes
    return found.bytes


def measured(name: str, dtype: Precision, style: Style, dropout: bool, **given: int) -> int:
    spec, sizes = spec_of(name, dropout, **given)
    return cut_step(spec, sizes, dtype, style).bytes


@pytest.mark.parametrize(("name", "dtype", "style", "dropout"), FEW)
def test_a_compiled_step(name: str, dtype: Precision, style: Style, dropout: bool) -> None:
    assert told(name, dtype, style, dropout) == measured(name, dtype, style, dropout)


def test_a_batch_of_one() -> None:
    assert told(*ALONE, B=1) == measured(*ALONE, B=1)


HEAD = """
tfspec: 1
name: head
dims: {B: batch, T: 1..64, V: 11, d: 8, f: 32, classes: CLASSES}
inputs: {tokens: ids(V) B T}
streams: {text: [tokens, {embed: d}, {ffn: {hidden: f, act: gelu}}, {linear: classes}]}
outputs: {y: text}
"""


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("classes", [2, 3, 4, 5])
def test_a_head_of_few_classes(classes: int, dtype: Precision) -> None:
    """Where each label is meant is kept as booleans, if these are fewer bytes than labels are."""
    spec = Architecture(load_text(HEAD.replace("CLASSES", str(classes))), {"B": 2, "T": 3})
    sizes = spec.semantics.bindings()
    found = kept_compiled(spec.semantics, dtype=dtype, sizes=sizes)
    assert found.bytes == cut_step(spec, sizes, dtype).bytes
    assert ("eq" in [row.op for row in found.rows]) == (classes < 4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype", "style", "dropout"), [*every()])
def test_every_bundled_spec(name: str, dtype: Precision, style: Style, dropout: bool) -> None:
    assert told(name, dtype, style, dropout) == measured(name, dtype, style, dropout)


def test_what_has_no_rule_is_refused() -> None:
    found = tfspec.load("bert-base").cost("train", target="h100", dtype="bf16", compiled=True)
    assert found.stays == "nn.attention has no memory rule"


def nothing(*_: object) -> None:
    pass


STEP = Joint.step


def always_new(self: Joint, *given: Any, **how: Any) -> Step:
    vars(self)["_same"].clear()
    return STEP(self, *given, **how)


MISTAKES: Mapping[str, tuple[Case, tuple[Any, str, object]]] = {
    "what a product reads need not be there": (FEW[0], (Partition, "_stands_in_backward", nothing)),
    "sums may reach over a product": (FEW[0], (Partition, "_ban_far_uses", nothing)),
    "products fuse": (
        FEW[0],
        (decomposed, "FORWARD", decomposed.FORWARD | {"mm": plain}),
    ),
    "nothing is dearer far from backward": (FEW[3], (partition, "MOST", 1)),
    "sums over rows run again": (FEW[1], (partition, "MUCH", 0)),
    "equal ops are made twice": (FEW[1], (Joint, "step", always_new)),
    "a view that undoes another stays": (FEW[4], (pointless, "_undone", nothing)),
    "attention stays as it is written": (FEW[5], (attention, "whole", nothing)),
    "factors stay before a softmax": (
        ("clip-vit-b32", "bf16", "fast", False),
        (traced_rows, "_has_factor", nothing),
    ),
    "padding fuses": (FEW[6], (decomposed, "FORWARD", decomposed.FORWARD | {"pad": plain})),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case, (owner, attribute, replacement) = MISTAKES[mistake]
    right = told(*case)
    assert hasattr(owner, attribute)
    monkeypatch.setattr(owner, attribute, replacement)
    assert told(*case) != right
