"""A rule that is broken is seen: each of these mistakes makes a prediction wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import tfspec
from tests.bundled import small
from tests.memory.measure import with_dropout, wrong
from tfspec.api import Architecture
from tfspec.graph.rates import Rate, every
from tfspec.ops import embed, linear, rotary
from tfspec.ops.norm import Norm
from tfspec.ops.pointwise import Activation
from tfspec.passes.memory import walk
from tfspec.passes.memory.saved import saved
from tfspec.passes.memory.walk import Turn
from tfspec.program import saves as sv
from tfspec.program import value
from tfspec.program.lowering import lower
from tfspec.program.method import Assign, Method
from tfspec.program.scene import Scene
from tfspec.program.sdpa import Attention
from tfspec.program.value import Value
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim
from tfspec.targets import Target, find

pytestmark = pytest.mark.filterwarnings("default")


def none(*_: object, learns: bool = False, **__: object) -> sv.Saves:
    return sv.nothing("a mistake", learns=learns)


def one_turn(loop: Any) -> Any:
    yield Turn(loop, Dim.of(1))


def all_as_the_first(loop: Any) -> Any:
    yield Turn(loop, loop.places[0].child.scope.copies)


def without_result(self: Attention) -> list[sv.Kept]:
    return [sv.Keep(self.q), sv.Keep(self.k), sv.Keep(self.v)]


def dropping(self: Scene, rate: Rate) -> bool:
    return any(every(rate))


def forgotten(self: Value) -> Value:
    return self.fresh(self._call("softmax", dim=-1), self.shape, none())


def shared(self: Value) -> Value:
    return self.view(self._call("clone"), self.shape, self.strides)


def input_alone(
    self: Norm, low: object, x: Value, *_: Value, own: bool = False, trained: bool = True
) -> sv.Saves:
    return sv.saves(sv.Keep(x), learns=own and trained)


Broken = tuple[object, str, object]
MISTAKES: dict[str, tuple[Broken, str, str]] = {
    "a linear map keeps nothing": ((linear, "saves", none), "gpt2", "fast"),
    "an index is not kept": ((embed, "Keep", lambda x: sv.Result()), "gpt2", "fast"),
    "a norm keeps its input alone": ((Norm, "_saves", input_alone), "bert-base", "fast"),
    "RMS norm as on a GPU": ((Norm, "_saves", input_alone), "llama-3-8b", "fast"),
    "an activation keeps nothing": ((Activation, "_saves", none), "vit-b16", "fast"),
    "an activation keeps its output": (
        (Activation, "_saves", lambda *_: sv.saves(sv.Result())),
        "gpt2",
        "fast",
    ),
    "products keep nothing": ((value.sv, "product_of", none), "llama-3-8b", "fast"),
    "rope is a table of its own": (
        (rotary, "Keep", lambda x, when: sv.Made("x", Dim.of(1), "float", when)),
        "llama-3-8b",
        "fast",
    ),
    "attention keeps no result": ((Attention, "_fused", without_result), "gpt2", "fast"),
    "dropout stays with flash": ((Attention, "kernel", "flash"), "swin-t", "fast"),
    "every attention is math": ((Attention, "kernel", "math"), "gpt2", "fast"),
    "results lie in order": (
        (Attention, "strides", property(lambda self: value.in_order(self.shape))),
        "gpt2",
        "fast",
    ),
    "everything merges": ((Value, "_merges", lambda *_: True), "a first layer apart", "explicit"),
    "nothing merges": ((Value, "_merges", lambda *_: False), "swin-t", "fast"),
    "a softmax keeps its scores": (
        (Value, "softmax", forgotten),
        "dropout",
        "explicit",
    ),
    "half precision is as full": ((Scene, "half", False), "llama-3-8b", "fast"),
    "one layer stands for all": ((walk, "turns", one_turn), "gpt2", "fast"),
    "all layers read what came in": ((walk, "turns", all_as_the_first), "gpt2", "fast"),
    "a copy shares its storage": ((Value, "copy", shared), "llama-3-8b", "fast"),
    "a size of 1 is like any": ((Scene, "is_one", lambda *_: False), "llama-3-8b", "fast"),
    "what is off keeps all the same": ((Scene, "drops", dropping), "dropout by layer", "explicit"),
    "attention that drops nothing stays math": ((Scene, "drops", dropping), "dropout by layer", "fast"),
    "the first layers are as all": ((Scene, "laid_alike", lambda *_: True), "a first layer apart", "explicit"),
}  # fmt: skip
APART = """
tfspec: 1
name: toy
dims: {B: batch, T: 2..9, d: 8, f: 12, L: 3}
inputs: {x: float B (d) T}
blocks: {one: {norm: none, residual: none, do: [ffn: {hidden: f, act: silu, gated: true}]}}
streams: {s: [x, {stack: {of: one, depth: L}}]}
outputs: {y: s}
"""


def spec_of(name: str) -> Any:
    if name == "dropout by layer":
        return with_dropout("gpt2", {**small("gpt2").sets, "L": 4}, "0.1 * i")
    if name == "dropout":
        return with_dropout("gpt2", small("gpt2").sets)
    if name == "a first layer apart":
        return Architecture(load_text(APART))
    return small(name)


def test_a_stack_whose_first_layer_is_laid_out_in_another_way() -> None:
    for style in ("fast", "explicit"):
        assert wrong(spec_of("a first layer apart"), style) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (owner, name, replacement), spec, style = MISTAKES[mistake]
    assert hasattr(owner, name)
    monkeypatch.setattr(owner, name, replacement)
    assert wrong(spec_of(spec), style) != []


def test_an_input_that_is_counted_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = value.Storage.__init__

    def counted(self: Any, elements: Dim, dtype: Any, holds: str = "result") -> None:
        plain(self, elements, dtype)

    monkeypatch.setattr(value.Storage, "__init__", counted)
    assert wrong(small("gpt2"), "fast") != []


@pytest.mark.parametrize("step", [Method.emit, Value.fresh, Value.pointwise, Scene.torch])
def test_a_step_cannot_be_written_without_what_it_keeps(step: Callable[..., Any]) -> None:
    assert inspect.signature(step).parameters["saves"].default is inspect.Parameter.empty


def test_what_keeps_nothing_says_why() -> None:
    for style in ("fast", "explicit"):
        for target in ("cpu", "h100"):
            for name in ("swin-t", "transformer-base", "llama-3-8b"):
                graph = tfspec.load(name).semantics
                for step in steps(graph, target, style):
                    assert step.saves.kept or step.saves.why


def steps(graph: Any, target: str, style: Any) -> Any:
    sheet = find(target)
    assert isinstance(sheet, Target)
    program = lower(graph, sheet, style=style)
    methods = (method for each in program.methods.values() for method in each)
    return [step for method in methods for step in method.steps if isinstance(step, Assign)]


def test_what_is_not_counted_is_named() -> None:
    """FlexAttention on a GPU: the tensors of its BlockMask are torch's own affair."""
    told = saved(tfspec.load("bert-base").semantics, target="h100", dtype="bf16")
    assert told.without == (("attend", "the tensors of its BlockMask"),)
