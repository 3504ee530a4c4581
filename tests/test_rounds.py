"""Layers of a stack that share weights in rounds: who owns what, what runs, and what it costs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tfspec
from tests.memory.measure import wrong
from tests.time import measured
from tfspec.api import Architecture, SpecError
from tfspec.passes.time.order import Order
from tfspec.program.program import Style
from tfspec.runtime.verify import verify
from tfspec.spec.load import load_text

SPEC = """
tfspec: 1
name: toy
dims: {B: batch, T: 1..9, V: 11, d: 8, h: 2, f: 12, m: 3, r: 4}
inputs: {tokens: ids(V) B T}
blocks:
  layer: {SHARE norm: {at: pre}, RULE do: [{attend: {heads: h}}, {ffn: {hidden: f, act: gelu}}]}
  one: {extends: layer, share: one(i % 4)}
  two: {extends: layer, share: two(i % 4)}
streams: {text: [tokens, {embed: d}, PIPELINE]}
outputs: {states: text}
"""
STACK = "{stack: {of: layer, depth: r * m}}"
PATTERN = "{stack: {of: [one, two], depth: 12}}"
SERIES = "{stack: {of: [[one, two]], depth: 12}}"
CASES = {
    "rounds": ("layer(i % m)", STACK, 3, 4),
    "as many rounds as layers": ("layer(2 * (i % 2))", "{stack: {of: layer, depth: 4}}", 2, 2),
    "one layer": ("layer", STACK, 1, 12),
    "one index": ("layer(0)", STACK, 1, 12),
    "one round": ("layer(i % 12)", STACK, 12, 1),
    "each its own": ("layer(i)", STACK, 12, 1),
    "behind another layer": ("layer(i % m)", f"one, {STACK}", 3, 4),
    "a pattern": ("", PATTERN, 4, 3),
    "a layer of two blocks": ("", SERIES, 4, 3),
}

FEW = ("rounds", "a pattern")
QUICK = [case if case in FEW else pytest.param(case, marks=pytest.mark.slow) for case in CASES]


def toy(share: str, pipeline: str = STACK, rule: str = "", **sets: int) -> Architecture:
    said = f"share: {share}," if share else ""
    text = SPEC.replace("SHARE", said).replace("RULE", rule).replace("PIPELINE", pipeline)
    return Architecture(load_text(text), sets)


def stack_of(model: nn.Module) -> nn.ModuleList:
    (found,) = (each for each in model.modules() if isinstance(each, nn.ModuleList))
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_file_owns_a_round_and_runs_it_again(case: str) -> None:
    share, pipeline, own, rounds = CASES[case]
    architecture = toy(share, pipeline)
    source = architecture.emit()
    assert len(stack_of(tfspec.build(architecture))) == own
    assert (f"for _ in range({rounds}):" in source) == (rounds > 1)
    assert (
        source.count("for block in self.blocks:") + source.count("in enumerate(self.blocks)") == 1
    )


@pytest.mark.parametrize("case", QUICK)
def test_the_file_runs_as_its_graph_says(case: str) -> None:
    found = verify(toy(*CASES[case][:2]))
    assert found.ok, found.text()


def test_it_is_an_unshared_stack_whose_layers_are_alike() -> None:
    """The same output; the gradient of a layer is the sum of those that it stands for."""
    shared, apart = (tfspec.build(toy(share)) for share in ("layer(i % m)", ""))
    weights = shared.state_dict()
    copied = {
        name: weights[".".join([*at[:1], str(int(at[1]) % 3), *at[2:]])]
        if (at := name.split("."))[0] == "blocks"
        else weights[name]
        for name in apart.state_dict()
    }
    apart.load_state_dict(copied)
    tokens = torch.randint(11, (2, 7))
    outputs = [model(tokens) for model in (shared, apart)]
    assert torch.equal(*outputs)
    for output in outputs:
        output.square().sum().backward()
    single = dict(apart.named_parameters())
    for name, weight in shared.named_parameters():
        if name.startswith("blocks."):
            _, at, rest = name.split(".", 2)
            parts = [single[f"blocks.{i}.{rest}"].grad for i in range(int(at), 12, 3)]
            assert weight.grad is not None
            assert torch.allclose(
                weight.grad, sum(part for part in parts if part is not None), atol=1e-4
            )


@pytest.mark.parametrize("case", CASES)
def test_parameters_are_a_rounds_and_flops_are_all_layers(case: str) -> None:
    share, pipeline, _, rounds = CASES[case]
    shared, apart = toy(share, pipeline), unshared(pipeline)
    numbers = [
        sum(p.numel() for p in stack_of(each).parameters())
        for each in map(tfspec.build, (shared, apart))
    ]
    assert numbers[0] * rounds == numbers[1]
    assert shared.cost().flops == apart.cost().flops
    assert shared.semantics.layers == apart.semantics.layers
    graph = shared.semantics
    assert graph.facts.value(graph.params) == sum(
        p.numel() for p in tfspec.build(shared).parameters()
    )


def unshared(pipeline: str) -> Architecture:
    text = SPEC.replace("SHARE", "").replace("RULE", "").replace("PIPELINE", pipeline)
    for name in ("one", "two"):
        text = text.replace(f", share: {name}(i % 4)", "")
    return Architecture(load_text(text))


def test_a_formula_says_the_round_as_the_spec_does() -> None:
    graph = toy("layer(i % m)").semantics
    assert "m" in graph.params.symbols
    assert "r" not in graph.params.symbols


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("case", QUICK)
def test_what_autograd_keeps(case: str, style: Style) -> None:
    share, pipeline, _, _ = CASES[case]
    assert wrong(toy(share, pipeline), style) == []


@pytest.mark.parametrize(("m", "r"), [(1, 2), (1, 3), (2, 1), (2, 2), (3, 4)])
def test_bytes_that_move(m: int, r: int) -> None:
    """Every later round adds its gradients to those of the round before."""
    measured.assert_traffic(toy("layer(i % m)", m=m, r=r), "fp32")


@pytest.mark.parametrize("pipeline", [PATTERN, SERIES])
def test_bytes_that_move_in_patterns(pipeline: str) -> None:
    measured.assert_traffic(toy("", pipeline), "fp32")


INNER = "inner: {norm: {at: pre}, do: [{ffn: {hidden: f, act: gelu}}]}"
NESTED = "do: [[{stack: {of: inner, depth: 3}}], {attend: {heads: h}}"


@pytest.mark.parametrize("share", ["", "share: layer(i % m),", "share: layer,"])
def test_bytes_that_move_in_a_stack_in_a_layer(share: str) -> None:
    text = SPEC.replace("SHARE", share).replace("RULE", "").replace("PIPELINE", STACK)
    text = text.replace("do: [{attend: {heads: h}}", NESTED).replace("  one:", f"  {INNER}\n  one:")
    measured.assert_traffic(Architecture(load_text(text)), "fp32")


def test_sums_of_gradients_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "_gets", lambda *_: None)
    with pytest.raises(AssertionError):
        measured.assert_traffic(toy("layer(i % m)"), "fp32")


def test_rates_that_come_back_with_the_weights() -> None:
    """In layers 0, 2, 4, ... there is no dropout, and none of it is kept."""
    rule = "residual: {drop_path: 0.3 * (i % 2)},"
    architecture = toy("layer(i % 2)", rule=rule)
    source = architecture.emit()
    assert "Layer(0.3 * (i % 2)) for i in range(2)" in source
    assert wrong(architecture, "fast") == []


def test_weights_start_by_the_depth_that_runs() -> None:
    text = (
        SPEC.replace("SHARE", "share: layer(i % m),").replace("RULE", "").replace("PIPELINE", STACK)
    )
    init = "init: {std: 0.02, residual: (2 * n) ** -0.5}\n"
    assert "(2 * 12) ** -0.5" in Architecture(load_text(text + init)).emit()


def test_weights_inside_that_a_layer_shares_with_itself() -> None:
    text = (
        SPEC.replace("SHARE", "share: layer(i % m),").replace("RULE", "").replace("PIPELINE", STACK)
    )
    twice = "{ffn: {hidden: f, act: gelu, share: twice(i % m)}}"
    text = text.replace("{ffn: {hidden: f, act: gelu}}", f"{twice}, {twice}")
    architecture = Architecture(load_text(text))
    names = {
        name for name, _ in tfspec.build(architecture).named_parameters() if "twice.up" in name
    }
    assert names == {f"blocks.{i}.twice.up.{kind}" for i in range(3) for kind in ("weight", "bias")}


def test_tables_and_figures_say_what_is_shared() -> None:
    architecture = toy("layer(i % m)")
    assert "  Layer (3 shared) × 12  " in architecture.shapes().text()
    assert "  Layer (3 shared) × 12  " in architecture.cost().text()
    assert "Layer (3 shared)" in architecture.draw().mmd()
    assert "shared" not in toy("layer(i)").shapes().text()
    assert "One, Two (2 shared)" in toy("", PATTERN).cost().text()


def test_a_graph_counts_runs_and_weights() -> None:
    graph = toy("layer(i % m)").graph()
    assert graph.nodes["blocks.*.mlp.up"]["count"] == 12
    assert graph.nodes["blocks.*.mlp.up"]["params"] == 3 * (8 * 12 + 12)
    assert sum(node["params"] for _, node in graph.nodes(data=True)) == graph.graph["params"]


def test_no_cache_yet() -> None:
    text = (
        SPEC.replace("SHARE", "share: layer(i % m),").replace("RULE", "").replace("PIPELINE", STACK)
    )
    text = text.replace("{attend: {heads: h}}", "{attend: {heads: h, mask: causal}}").replace(
        "states: text", "logits: [text, {linear: V}]"
    )
    with pytest.raises(
        SpecError, match="a stack of layers that share weights is not supported yet with a cache"
    ):
        Architecture(load_text(text)).emit(parts=("generate",))


@pytest.mark.parametrize("share", ["", "share: one(i % 4)"])
def test_a_pattern_with_rates_has_as_many_layers_as_its_depth(share: str) -> None:
    """A list block in front: its layers have no rates, and the first index is another's."""
    text = SPEC.replace("{SHARE norm: {at: pre}, RULE do:", "{norm: {at: pre}, do:")
    rule = f"residual: {{drop_path: 0.1 * (i % 4)}}, {share}".rstrip(", ")
    text = text.replace("share: one(i % 4)", rule).replace(
        "PIPELINE", "{stack: {of: [PLAIN], depth: 12}}"
    )
    text = text.replace("PLAIN", "two, one" if share else "layer, one")
    architecture = Architecture(load_text(text))
    model = tfspec.build(architecture)
    assert len(stack_of(model)) == (4 if share else 12)
    rates = [round(m.drop_rate, 9) for m in model.modules() if hasattr(m, "drop_rate")]
    assert sorted(set(rates)) == [0.1, 0.3]
