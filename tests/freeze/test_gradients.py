"""The emitted file of a frozen stream: its weights get no gradient, all others the same as ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tfspec
from tests.bundled import small
from tests.freeze.specs import CASES, frozen
from tests.memory.live import drawn, small_sizes
from tests.memory.measure import whole
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.graph.scope import Weight
from tfspec.passes.emit.emit import program_of
from tfspec.program.program import Style

STYLES: tuple[Style, ...] = ("fast", "explicit")


def gradients(model: nn.Module, given: Sequence[Tensor]) -> dict[str, Tensor | None]:
    """Of the sum of squares of all outputs, by the names of weights."""
    made = model(*given)
    outputs = made if isinstance(made, tuple) else (made,)
    sum(out.square().mean() for out in outputs if out.requires_grad).backward()
    return {name: weight.grad for name, weight in model.named_parameters()}


def twins(name: str, streams: Sequence[str], style: Style) -> tuple[Any, Any, list[Tensor]]:
    """The frozen model and the one that is trained as a whole, with the same weights."""
    torch.manual_seed(0)
    spec = frozen(name, streams)
    plain = frozen(name, (), whole(name))
    models = [run_file(each.emit(style=style)).build().eval() for each in (spec, plain)]
    models[0].load_state_dict(models[1].state_dict())
    return *models, drawn(spec, small_sizes(spec), torch.float32)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("name", "streams"), CASES)
def test_frozen_weights_get_none_and_others_the_same(
    name: str, streams: Sequence[str], style: Style
) -> None:
    model, plain, given = twins(name, streams, style)
    frozen_ones = {n for n, weight in model.named_parameters() if not weight.requires_grad}
    found, full = gradients(model, given), gradients(plain, given)
    assert frozen_ones == by_the_graph(frozen(name, streams), style) != set()
    assert all(found[each] is None for each in frozen_ones)
    for each in found.keys() - frozen_ones:
        assert_same(found[each], full[each])


def assert_same(one: Tensor | None, other: Tensor | None) -> None:
    if one is None or other is None:
        assert one is other
    else:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def by_the_graph(spec: Architecture, style: Style) -> set[str]:
    """Names of weights that the graph calls frozen: those of streams' own modules."""
    program = program_of(spec.semantics, style=style)
    roots = {member.name: member for member in program.members[spec.semantics.scope].values()}
    model = run_file(spec.emit(style=style)).build()
    held: dict[str, list[Weight]] = {
        name: [
            *(weight for weights in member.holds.values() for weight in weights),
            *(weight for scope in member.children for weight, _ in scope.walk()),
        ]
        for name, member in roots.items()
    }
    return {
        name
        for name, _ in model.named_parameters()
        if not any(weight.trained for weight in held[name.partition(".")[0]])
    }


def test_the_end_of_init_names_what_is_frozen() -> None:
    source = tfspec.load("examples/frozen/linear-probe.yaml").emit()
    assert (
        "        init_weights(self)\n"
        "        for frozen in (self.patch, self.cls, self.pos, self.blocks, self.norm):\n"
        "            frozen.requires_grad_(False)\n"
    ) in source
    assert "86,567,656 parameters, of which 769,000 are trained.\n" in source


def test_a_model_that_is_frozen_as_a_whole_says_so_in_one_line() -> None:
    spec = frozen("gpt2", ["text"])  # the head is the table
    assert "        self.requires_grad_(False)\n" in spec.emit()
    assert spec.semantics.trained.constant == 0


def test_nothing_says_frozen_where_nothing_is() -> None:
    assert "requires_grad_" not in small("gpt2").emit()


def test_what_trains_is_what_an_optimizer_is_given() -> None:
    """A step changes the trained weights alone; dropout of what is frozen is on in training."""
    torch.manual_seed(0)
    spec = frozen("vit-b16", ["image"])
    model = run_file(spec.emit()).build()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.1)
    model(*drawn(spec, small_sizes(spec), torch.float32)).square().mean().backward()
    optimizer.step()
    changed = {name for name, x in model.named_parameters() if not torch.equal(x, before[name])}
    assert changed == {"logits.weight", "logits.bias"}
    assert sum(x.numel() for x in trained) == spec.semantics.facts.value(spec.semantics.trained)


@pytest.mark.parametrize("style", ["fast", pytest.param("explicit", marks=pytest.mark.slow)])
def test_it_compiles_as_a_whole(style: Style) -> None:
    torch.manual_seed(0)
    spec = frozen("llava-1.5-7b", ["image", "clip", "text"])
    model = run_file(spec.emit(style=style)).build()
    given = drawn(spec, small_sizes(spec), torch.float32)
    run = torch.compile(model, fullgraph=True, backend="aot_eager")
    for one, other in zip(run(*given), model(*given), strict=True):
        torch.testing.assert_close(one, other)
