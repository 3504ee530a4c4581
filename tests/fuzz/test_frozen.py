"""Random specs with some streams frozen: gradients are None for what they have and for nothing
else, and all others as they were; what backward multiplies and keeps is what is told."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
import torch
from torch import Tensor, nn

import tfspec
from tests.cost.counted import costs, device, forward_and_backward, model
from tests.freeze.specs import freeze
from tests.fuzz import running
from tests.fuzz.specs import make, written
from tests.memory.measure import cast, measured
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.passes.cost.work import trained
from tfspec.passes.memory.saved import saved
from tfspec.spec.load import load_text

REFUSED = {"TS228", "TS260"}
"""A stream without weights, and weights in common with one that is trained."""


def drawn(seed: int) -> tuple[Architecture, Architecture] | None:
    """A random spec with some of its streams frozen, those that can be, and without; None where
    nothing is frozen, or nothing is left to train."""
    rng = Random(f"frozen {seed}")
    tree, plain = make(rng), make(Random(f"frozen {seed}"))
    before = Architecture(load_text(written(plain)))
    if not before.check().ok:
        return None
    for name in tree["streams"]:
        trial = {**tree, "streams": dict(tree["streams"])}
        freeze(trial, [name] if rng.random() < 0.6 else [])
        found = Architecture(load_text(written(trial))).check()
        if found.ok:
            tree = trial
        else:
            assert {each.rule.code for each in found.diagnostics} & REFUSED, written(trial)
    after = Architecture(load_text(written(tree)))
    if after.semantics.trained == after.semantics.params or not trained(after.semantics):
        return None
    try:
        before.emit()
    except tfspec.SpecError as refusal:
        if "TS901" not in str(refusal):  # not built yet
            raise
        return None
    return after, before


def gradients(made: nn.Module, values: Sequence[Tensor]) -> dict[str, Tensor | None]:
    result = made(*values)
    outputs = result if isinstance(result, tuple) else (result,)
    terms = [out.square().mean() for out in outputs if out.requires_grad]
    torch.stack(terms).sum().backward()
    return {name: weight.grad for name, weight in made.named_parameters()}


def examine(seed: int) -> bool:
    """Whether the case had anything frozen; raises where it is not as told."""
    pair = drawn(seed)
    if pair is None:
        return False
    spec, before = pair
    graph = spec.semantics
    frozen, plain = (run_file(each.emit()).build(dtype=torch.float64).eval() for each in pair)
    frozen.load_state_dict(plain.state_dict())
    some = {name for name, weight in frozen.named_parameters() if not weight.requires_grad}
    count = sum(weight.numel() for weight in frozen.parameters() if weight.requires_grad)
    assert count == graph.facts.value(graph.trained)
    counting, where = model(spec), device(graph)
    for at in running.small(graph, seed):
        sizes = {**graph.bindings(), **at}
        values = running.inputs(graph, sizes, seed)
        order = sorted(graph.inputs, key=lambda tensor: tensor.kind == "bool")
        doubles = [cast(values, torch.float64)[tensor.role or ""] for tensor in order]
        found, full = gradients(frozen, doubles), gradients(plain, doubles)
        for name, grad in found.items():
            assert (grad is None) == (name in some or full[name] is None), name
            if grad is not None:
                torch.testing.assert_close(grad, full[name], equal_nan=True)
        singles = [cast(values, torch.float32)[tensor.role or ""] for tensor in order]
        assert not beyond(spec, sizes, singles) or beyond(before, sizes, singles), sizes
        _, backward = forward_and_backward(counting, [x.to(where) for x in singles])
        cost = costs(spec, at)
        assert cost.number(cost.work.backward) == backward, sizes
        frozen.zero_grad()
        plain.zero_grad()
    return True


def beyond(spec: Architecture, sizes: dict[str, int], given: Sequence[Tensor]) -> int:
    """Bytes that autograd keeps beyond what is told. What a plain spec is off by is no matter of
    freezing, and for other tests to find."""
    made = run_file(spec.emit()).build()
    named = dict(zip(made.forward.__code__.co_varnames[1:], given, strict=False))
    return measured(made, named) - saved(spec.semantics, sizes=sizes).bytes


def test_some_random_specs() -> None:
    assert sum(examine(seed) for seed in range(20)) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(4))
def test_many_random_specs(shard: int) -> None:
    for seed in range(1000 + shard, 1600 + shard, 4):
        try:
            examine(seed)
        except Exception as error:
            error.add_note(f"the case is examine({seed})")
            raise
