"""Bytes saved for backward, read from the program's storages, are what autograd saves: no more,
no less, for every bundled spec, small and at full size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import tfspec
from tests.bundled import BY_STRUCTURE, small
from tests.fuzz import running
from tests.fuzz.specs import make, written
from tests.memory.measure import DTYPES, STYLES, cast, measured, with_dropout, wrong
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.passes.memory.saved import saved
from tfspec.program.program import Precision, Style
from tfspec.spec.load import load_text

pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", BY_STRUCTURE)
def test_every_bundled_spec(name: str, style: Style) -> None:
    assert wrong(small(name, 1), style) == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", BY_STRUCTURE)
def test_every_bundled_spec_with_dropout(name: str, style: Style) -> None:
    spec = with_dropout(name, small(name, 1).sets)
    assert "F.dropout" in spec.emit(style=style)
    assert wrong(spec, style) == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("rate", ["0.1 * i", "0.1 * (n - 1 - i)", "0.3 * (i % 2)"])
@pytest.mark.parametrize("name", ["gpt2", "transformer-base", "swin-t", "llama-3-8b"])
def test_layers_whose_dropout_is_0_save_none_of_it(name: str, rate: str, style: Style) -> None:
    sets = {**small(name).sets, "L3" if name == "swin-t" else "L": 4}
    assert wrong(with_dropout(name, sets, rate), style) == []


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("style", STYLES)
def test_random_specs(seed: int, style: Style) -> None:
    spec = Architecture(load_text(written(make(Random(seed)))))
    if not spec.check().ok:
        pytest.skip("a knob that is not built yet")
    source, graph = spec.emit(style=style), spec.semantics
    for at in running.small(graph, seed):
        sizes = {**graph.bindings(), **at}
        for dtype, live in DTYPES.items():
            model = run_file(source).build(dtype=live)
            given = cast(running.inputs(graph, sizes, seed), live)
            order = sorted(graph.inputs, key=lambda tensor: tensor.kind == "bool")
            parameters = list(model.forward.__code__.co_varnames[1:])
            named = {p: given[t.role or ""] for p, t in zip(parameters, order, strict=False)}
            told = saved(graph, dtype=dtype, style=style, sizes=sizes)
            assert measured(model, named) == told.bytes, (dtype, sizes)


# ---- full size

FULL: dict[str, tuple[Precision, Mapping[str, int]]] = {
    "bert-base": ("fp32", {"B": 16, "T": 512}),
    "gpt2": ("fp32", {"B": 8, "T": 1024}),
    "vit-b16": ("bf16", {"B": 32}),
    "swin-t": ("fp32", {"B": 16}),
    "transformer-base": ("bf16", {"B": 8, "S": 300, "T": 512}),
    "llama-3-8b": ("bf16", {"B": 1, "T": 4096}),
    "llama-3.1-405b": ("bf16", {"B": 2, "T": 8192}),
}


DRAWN = re.compile(r"nn\.init\.\w+\(\s*(torch\.empty\((?:[^()]|\([^()]*\))*\)),[^()]*\)")


def fake_model(source: str, dtype: torch.dtype, device: str | None = None) -> nn.Module:
    """The model without numbers: weights are not drawn, and are made in their dtype at once,
    for `.to` fails on fake ones; tables are cast as `.to` would cast them."""
    source = DRAWN.sub(r"\1", source).replace("        init_weights(self)\n", "")
    torch.set_default_dtype(dtype)
    try:
        model = run_file(source.replace(".to(dtype=dtype)", "")).build(device)
    finally:
        torch.set_default_dtype(torch.float32)
    for module in model.modules():
        for name, table in module.named_buffers(recurse=False):
            module.register_buffer(name, table.to(dtype), persistent=False)
    return model


@pytest.mark.parametrize("name", FULL)
def test_full_size(name: str) -> None:
    dtype, sets = FULL[name]
    spec = tfspec.load(name, sets)
    told = saved(spec.semantics, dtype=dtype)
    kinds = {"float": DTYPES[dtype], "ids": torch.int64, "bool": torch.bool}
    with FakeTensorMode():
        model = fake_model(spec.emit(), DTYPES[dtype])
        shapes = {t: [size.value(told.bindings) for size in t.shape] for t in spec.semantics.inputs}
        given = {t.role or "": torch.zeros(s, dtype=kinds[t.kind]) for t, s in shapes.items()}
        assert measured(model, given) == told.bytes


def test_the_sum_that_is_known() -> None:
    """GPT-2 at batch 8 with its loss: 6,535,348,228 bytes. The loss keeps log-probabilities."""
    told = saved(tfspec.load("gpt2", {"B": 8, "T": 1024}).semantics)
    assert told.bytes == 6_535_348_228 - 8 * 1024 * 50257 * 4 - 4


def test_the_answer_does_not_grow_with_depth() -> None:
    deep = saved(tfspec.load("gpt2", {"L": 1000}).semantics)
    assert len(deep.rows) == len(saved(tfspec.load("gpt2").semantics).rows) < 30
    assert "L" in deep.size.symbols
    assert deep.size.value({**deep.bindings, "L": 12}) == saved(tfspec.load("gpt2").semantics).bytes
