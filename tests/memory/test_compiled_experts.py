"""What a compiled step keeps of experts, whose rows data decide, is what torch's partitioner keeps,
to the byte; and the same whatever the routing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import tfspec
from tests.bundled import small
from tests.memory.live import drawn, labels, small_sizes
from tests.memory.measure import DTYPES, STYLES, with_dropout
from tests.memory.partition import Cut, cut
from tests.parity.running import run_file
from tests.test_experts import CASES, spec
from tfspec.api import Architecture
from tfspec.passes.memory import compiled
from tfspec.passes.memory.compiled import Compiled, kept_compiled
from tfspec.program.program import Precision, Style
from tfspec.shadow import decomposed, joint, machine, traced_experts
from tfspec.shadow.joint import Joint
from tfspec.shadow.machine import Machine, balanced
from tfspec.shadow.traced import plain

pytestmark = pytest.mark.filterwarnings("default", "ignore::DeprecationWarning")
Sizes = Mapping[str, int]
Case = tuple[str, Precision, Style]
FAST: Case = ("not gated, with biases", "fp32", "fast")
EXPLICIT: Case = ("not gated, with biases", "bf16", "explicit")
FAR: Case = ("two of five", "bf16", "explicit")
"""Its loss is more than a hundred ops from its scores, by those alone that assert something."""
SLOW: list[Case] = [
    (case, dtype, style) for case in CASES for dtype in DTYPES for style in STYLES
]  # fmt: skip
MIXTRAL = "mixtral-8x7b"


def toy(case: str) -> tuple[Architecture, dict[str, int]]:
    """With the number of experts as E, and of those that a token takes as K."""
    made = spec(case, "{linear: d}, ")
    experts, chosen = (re.search(rf"{word}: (\d+)", CASES[case]) for word in ("experts", "top_k"))
    assert experts is not None
    assert chosen is not None
    return made, {**small_sizes(made), "E": int(experts[1]), "K": int(chosen[1])}


def of_two_layers(name: str, **sets: int) -> tuple[Architecture, dict[str, int]]:
    made = tfspec.load(name, {**small(name, 1).sets, "V": 97, **sets})
    return made, small_sizes(made) | {"T": 23}


def told(made: Architecture, sizes: Sizes, dtype: Precision, style: Style) -> int:
    return kept_compiled(made.semantics, dtype=dtype, style=style, sizes=sizes).bytes


def measured(
    made: Architecture, sizes: Sizes, dtype: Precision, style: Style, target: str = "cpu"
) -> int:
    return cut_of(made, sizes, dtype, style, target).bytes


def cut_of(
    made: Architecture, sizes: Sizes, dtype: Precision, style: Style, target: str = "cpu"
) -> Cut:
    model = run_file(made.emit(style=style, target=target)).build(dtype=DTYPES[dtype])
    shares = balanced(sizes["B"] * sizes["T"] * sizes["K"], sizes["E"])
    return cut(model, drawn(made, sizes, DTYPES[dtype]), labels(made, sizes), shares)


@pytest.mark.parametrize(("case", "dtype", "style"), [FAST, EXPLICIT])
def test_experts(case: str, dtype: Precision, style: Style) -> None:
    made, sizes = toy(case)
    assert told(made, sizes, dtype, style) == measured(made, sizes, dtype, style)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "dtype", "style"), SLOW)
def test_all_experts(case: str, dtype: Precision, style: Style) -> None:
    made, sizes = toy(case)
    assert told(made, sizes, dtype, style) == measured(made, sizes, dtype, style)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [MIXTRAL, "deepseek-v3"])
def test_bundled_experts(name: str, style: Style, dtype: Precision) -> None:
    made, sizes = of_two_layers(name)
    if dtype == "bf16":
        made = with_dropout(name, made.sets)
    assert told(made, sizes, dtype, style) == measured(made, sizes, dtype, style)


@pytest.mark.slow
def test_so_many_experts_that_their_sum_is_lost() -> None:
    """Rows that went through experts are kept in their order, which has a known size: of experts
    one joined value is left, beside queries and keys."""
    made, sizes = of_two_layers(MIXTRAL, E=60, K=11, L=1)
    found = cut_of(made, sizes, "fp32", "fast")
    assert told(made, sizes, "fp32", "fast") == found.bytes
    assert [op for op, _, _ in found.kept].count("aten.cat.default") == 1
    assert joined(made, sizes) == 1 + 2


def joined(made: Architecture, sizes: Sizes) -> int:
    (row,) = [row for row in kept_compiled(made.semantics, sizes=sizes).rows if row.op == "cat"]
    return row.count


# ---- a GPU's file, whose grouped kernel a CPU can trace too
def on_a_cpu(made: Architecture, sizes: Sizes, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(compiled, "Machine", lambda kind: Machine("cpu"))
    found = kept_compiled(made.semantics, dtype="bf16", target="h100", sizes=sizes)
    assert "grouped_mm" in {row.op for row in found.rows}
    return found.bytes


def test_the_grouped_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    made, sizes = of_two_layers(MIXTRAL, f=16, d=16, L=1, E=3, K=2)
    assert on_a_cpu(made, sizes, monkeypatch) == measured(made, sizes, "bf16", "fast", "h100")


# ---- routing
def one_sided(rows: int, experts: int) -> Sequence[int]:
    """Each token takes the first two experts."""
    return [rows // 2, rows - rows // 2, *[0] * (experts - 2)]


@pytest.mark.parametrize("style", STYLES)
def test_no_routing_changes_it(style: Style, monkeypatch: pytest.MonkeyPatch) -> None:
    made, sizes = of_two_layers(MIXTRAL)
    equal = told(made, sizes, "fp32", style)
    monkeypatch.setattr(machine, "balanced", one_sided)
    assert told(made, sizes, "fp32", style) == equal


def test_full_size() -> None:
    """Rows that go to experts; what each expert's first product gives, and what its second does,
    joined, with queries and keys that were turned."""
    found = tfspec.load(MIXTRAL).cost("train", compiled=True).stays
    assert isinstance(found, Compiled)
    rows, kept = 2 * 32768, {row.op: row.bytes for row in found.rows}
    assert kept["index"] == 32 * rows * 4096 * 4
    assert kept["cat"] == 32 * (rows * (2 * 14336 + 4096) + 32768 * (4096 + 1024)) * 4


# ---- mistakes
def nothing(*_: object) -> None:
    pass


def asked_once(joint_: Joint, x: Any, op: str, bounds: Sequence[str]) -> Any:
    return joint_.step(op, (x,), 1, x.dtype, "apart")


MISTAKES: Mapping[str, tuple[Case, tuple[Any, str, object]]] = {
    "choices fuse": (FAST, (decomposed, "FORWARD", decomposed.FORWARD | {"topk": plain})),
    "rows are where they were": (
        EXPLICIT,
        (decomposed, "BACKWARD", decomposed.BACKWARD | {"IndexPut": nothing, "Index": nothing}),
    ),
    "places of scores fuse": (FAST, (traced_experts, "read_far", nothing)),
    "zeros are made twice": (
        EXPLICIT,
        (decomposed, "BACKWARD", decomposed.BACKWARD | {"Index": nothing}),
    ),
    "assertions take no place": (FAR, (traced_experts, "_asked", asked_once)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (case, dtype, style), (owner, attribute, replacement) = MISTAKES[mistake]
    made, sizes = toy(case)
    right = told(made, sizes, dtype, style)
    assert hasattr(owner, attribute)
    monkeypatch.setattr(owner, attribute, replacement)
    assert told(made, sizes, dtype, style) != right


def test_a_sum_that_is_seen_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    made, sizes = of_two_layers(MIXTRAL, E=60, K=11, L=1)
    monkeypatch.setattr(joint, "TOLD", 60)
    assert joined(made, sizes) == 2 + 2
