"""Weights by semantic name, and the state dict of the emitted file."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import tfspec
from tfspec.passes.emit.emit import program_of
from tfspec.passes.emit.file import file_text
from tfspec.program.lowering import Program
from tfspec.runtime.build import load
from tfspec.runtime.weights import WrongWeights, layout, pack, unpack

SMALL = {
    "gpt2": {"d": 24, "h": 3, "L": 3, "V": 11},
    "vit-b16": {"d": 24, "h": 3, "L": 2, "H": 32, "W": 48, "classes": 5},
    "transformer-base": {"d": 24, "h": 3, "f": 40, "L": 2, "M": 3, "V": 11},
}


def program(name: str, style: str = "fast") -> Program:
    return program_of(tfspec.load(name, SMALL[name]).semantics, style=style)


def semantic(program: Program) -> dict[str, Tensor]:
    """Random weights by their names in the graph."""
    facts = program.graph.facts
    every = program.graph.scope.concrete(lambda size: facts.value(size) or 0)
    return {n: torch.randn([facts.value(s) or 0 for s in w.shape]) for n, w in every}


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("name", SMALL)
def test_packed_weights_fit_the_file_and_come_back(name: str, style: str):
    made = program(name, style)
    given = semantic(made)
    state = pack(made, given)
    model = load(file_text(made)).build()
    model.load_state_dict(state, strict=True)
    back = unpack(made, model.state_dict())
    assert back.keys() == given.keys()
    assert all(torch.equal(back[each], given[each]) for each in given)


def test_styles_agree_on_the_same_weights():
    fast, explicit = program("transformer-base"), program("transformer-base", "explicit")
    given = {name: tensor / 5 for name, tensor in semantic(fast).items()}
    inputs = torch.randint(11, (2, 5)), torch.randint(11, (2, 4))
    outputs: list[Tensor] = []
    for each in (fast, explicit):
        model = load(file_text(each)).build().eval()
        model.load_state_dict(pack(each, given))
        outputs.append(model(*inputs))
    torch.testing.assert_close(*outputs)


def test_names():
    names = {n: [part.name for part in joint.parts] for n, joint in layout(program("gpt2")).items()}
    assert list(names)[:2] == ["words.weight", "pos"]
    assert names["blocks.2.attention.qkv.bias"] == [
        "blocks.2.attention.q.bias",
        "blocks.2.attention.k.bias",
        "blocks.2.attention.v.bias",
    ]
    explicit = layout(program("gpt2", "explicit"))
    assert all([part.name for part in e.parts] == [name] for name, e in explicit.items())


def test_weights_that_do_not_fit():
    made = program("gpt2")
    given = semantic(made)
    cases = {
        "no weights are given for norm.bias": {k: v for k, v in given.items() if k != "norm.bias"},
        "the model has no weights other": {**given, "other": torch.ones(1)},
        "pos is [3, 24], and the model has [1024, 24]": {**given, "pos": torch.ones(3, 24)},
    }
    for message, tensors in cases.items():
        with pytest.raises(WrongWeights) as error:
            pack(made, tensors)
        assert str(error.value) == message
