"""Storages and strides of the program against live tensors: what is a view, and how it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

import pytest
import torch

import tfspec
from tests.bundled import BY_STRUCTURE, small
from tests.runtime.interpret import Interpreter, Seen, layout, same_memory
from tfspec.api import Architecture
from tfspec.passes.emit.emit import program_of
from tfspec.passes.emit.file import file_text
from tfspec.program.program import Mode
from tfspec.program.value import Value
from tfspec.runtime.build import load
from tfspec.runtime.draws import inputs

GPT2 = {"d": 24, "h": 3, "L": 2, "V": 11}
FREE = {"B": 2, "S": 5, "T": 7}


def watched(spec: Architecture, style: str, mode: Mode = "forward") -> list[str]:
    """Run a small model step by step; what its program says wrongly of where tensors lie."""
    parts = () if mode == "forward" else ("generate",)
    program = program_of(spec.semantics, style=style, parts=parts)
    file = load(file_text(program))
    model = file.build().train()  # in evaluation drop path gives its input
    graph = program.graph
    domains = graph.facts.domains
    free = {n: s for n, s in FREE.items() if n in domains and domains[n].low != domains[n].high}
    sizes = {**graph.bindings(), **free}
    given: dict[str | None, Any] = dict(inputs(graph, sizes, "cpu"))
    if parts:
        given["cache"] = model.cache(FREE["B"], sizes[graph.slots_name])
        given["position"] = torch.arange(FREE["T"])
    run = Interpreter(program, vars(file), sizes)
    named = {value.hint: given.get(value.hint) for value in program.roots[mode].params}
    # with gradients: a bias that is learned sends attention to another kernel
    with patch("torch.nn.functional.dropout", lambda x, *_, **__: x.clone()):
        results = run.run(program.roots[mode], model, list(named.values()))
        whole = getattr(model, mode)(**named)
        whole = whole if isinstance(whole, tuple) else (whole,)
        torch.testing.assert_close(tuple(results), whole)
    return [problem for seen in run.seen for problem in wrong(seen, sizes)]


def wrong(seen: Seen, sizes: Mapping[str, int]) -> Iterator[str]:
    predicted = tuple(stride.value(sizes) for stride in seen.value.strides)
    live, predicted = layout(seen.live, predicted)
    if live != predicted:
        yield f"{seen}: strides {predicted}, and live {live}"
    if seen.call or not seen.inputs:
        return
    view = any(value.storage is seen.value.storage for value, _ in seen.inputs)
    shares = any(same_memory(live, seen.live) for _, live in seen.inputs)
    if view != shares:
        yield f"{seen}: {'a view' if view else 'fresh'}, and live {'a view' if shares else 'fresh'}"


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("name", BY_STRUCTURE)
def test_strides_and_views(name: str, style: str):
    assert watched(small(name, 1), style) == []


@pytest.mark.parametrize("mode", ["prefill", "decode"])
@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("name", ["gpt2", "mistral-7b", "gemma-2-2b", "qwen3-8b", "palm-540b"])
def test_strides_and_views_with_a_cache(name: str, style: str, mode: Mode):
    assert watched(small(name), style, mode) == []


def test_a_wrong_rule_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Value, "_merges", lambda self, start, last: True)
    first, second, *_ = watched(tfspec.load("gpt2", GPT2), "explicit")
    where = "<x [B, T, d]> in blocks.*.attention"
    assert first == f"{where}: strides (168, 8, 1), and live (168, 24, 1)"
    assert second == f"{where}: a view, and live fresh"
