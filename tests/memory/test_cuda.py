"""What a GPU keeps: the emitted files run on fake CUDA tensors, which need no GPU.

Confirmed: layer norm's statistics are fp32, a dropout mask has a byte an element, flash keeps a
number a query and 24 bytes, and its result lies as its queries do, so joining heads is a view; the
efficient kernel of fp32 keeps numbers for a multiple of 32 queries, and 16 bytes.
Not confirmed, for want of a GPU: which kernel attention takes (the rules are ATen's own, but for
cuDNN's, which a new GPU may prefer), what RMS norm keeps (`FusedNorm` says it as ATen does), masks
beside these kernels, and FlexAttention.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

import tfspec
from tests.memory.cuda import LIBRARY, fake_cuda
from tests.memory.measure import DTYPES, measured, with_dropout
from tests.memory.test_saved import fake_model
from tfspec.api import Architecture
from tfspec.ops import norm, pointwise
from tfspec.passes.memory.saved import saved
from tfspec.program import sdpa
from tfspec.program.program import Precision
from tfspec.program.saves import Made
from tfspec.program.value import in_order
from tfspec.symbolic import Dim

pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(not LIBRARY.exists(), reason="torch's guards are found on Linux alone"),
]
FULL: dict[str, Mapping[str, int | str]] = {
    "gpt2": {"B": 8, "T": 1024},
    "vit-b16": {"B": 32},
    "llama-3-8b": {"B": 1, "T": 4096},
    "mixtral-8x7b": {"B": 1, "T": 4096},
}


def both(spec: Architecture, dtype: Precision = "bf16") -> tuple[int, int]:
    """Bytes kept on an H100: live, and told."""
    told = saved(spec.semantics, dtype=dtype, target="h100")
    kinds = {"float": DTYPES[dtype], "ids": torch.int64, "bool": torch.bool}
    with fake_cuda():
        model = fake_model(spec.emit(target="h100"), DTYPES[dtype], "cuda")
        shapes = {t: [size.value(told.bindings) for size in t.shape] for t in spec.semantics.inputs}
        given = {t.role or "": torch.zeros(s, dtype=kinds[t.kind]) for t, s in shapes.items()}
        return measured(model, given), told.bytes


@pytest.mark.parametrize("name", FULL)
def test_full_size(name: str) -> None:
    live, told = both(tfspec.load(name, FULL[name]))
    assert live == told


@pytest.mark.parametrize("name", FULL)
def test_with_dropout(name: str) -> None:
    live, told = both(with_dropout(name, FULL[name]))
    assert live == told


@pytest.mark.parametrize(("name", "sets"), [("gpt2", {"T": 1000}), ("vit-b16", {"B": 3})])
def test_the_efficient_kernel(name: str, sets: Mapping[str, int | str]) -> None:
    """1000 queries are 1024, and 197 are 224."""
    live, told = both(with_dropout(name, {**FULL[name], **sets}), "fp32")
    assert live == told


def test_grouped_heads_in_fp32_are_products() -> None:
    """Flash takes no fp32, and the efficient kernel no grouped heads."""
    told = saved(tfspec.load("llama-3-8b").semantics, dtype="fp32", target="h100")
    assert "scaled keys" in {row.what for row in told.rows}


def as_numbers(what: str, size: Dim, *_: object) -> Made:
    return Made(what, size)


MISTAKES: dict[str, tuple[object, str, object, str]] = {
    "statistics in bf16": (norm, "Made", as_numbers, "gpt2"),
    "a dropout mask of numbers": (pointwise, "Made", as_numbers, "gpt2"),
    "no random state": (
        sdpa, "Made", lambda what, n, dtype: Made(what, n * (dtype != "int64"), dtype), "gpt2",
    ),
    "a result in order": (
        sdpa.Attention, "strides", property(lambda self: in_order(self.shape)), "llama-3-8b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, broken, spec = MISTAKES[mistake]
    monkeypatch.setattr(owner, name, broken)
    live, told = both(with_dropout(spec, {**FULL[spec], "L": 2}))
    assert live != told
