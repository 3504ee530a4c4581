"""A rule of the stand-in that is broken is seen: each of these mistakes makes a step differ."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bundled import small
from tests.memory.live import differences
from tests.memory.measure import with_dropout
from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.program.program import Precision, Style
from tfspec.shadow import attention, autograd, checkpoint, engine, joining, losses, norms, products
from tfspec.shadow.arithmetic import multiply
from tfspec.shadow.autograd import closed, opened
from tfspec.shadow.tensor import Tensor, fresh, like
from tfspec.shadow.views import clone, narrowed

pytestmark = pytest.mark.filterwarnings("default")


def added_in_place(slots: dict[int, Tensor], slot: int, grad: Tensor) -> None:
    slots.setdefault(slot, grad)


def copied(leaf: Any, slots: dict[int, Tensor]) -> None:
    leaf.grad = like("clone", slots.pop(0))


def kept_by_none(self: Any, kept: Any) -> None:
    self.saved += [_Nothing() for _ in kept]


class _Nothing:
    def unpack(self) -> None:
        return None

    def records(self) -> list[Any]:
        return []


def run_to_the_end(self: checkpoint.Frame) -> None:
    self.done = True
    machine, holders = self.machine, iter(self.holders)

    def pack(x: Tensor) -> Any:
        holder = next(holders)()
        assert holder is not None
        holder.storage = x.storage
        return x.storage

    before = machine.pack, machine.grad
    machine.pack, machine.grad = pack, True
    self.function(*self.args)
    machine.pack, machine.grad = before


def never_let_go(self: checkpoint.Holder) -> Any:
    if not self.frame.done:
        self.frame.again()
    return self.storage


def steps_gone(x: Tensor, axes: Any) -> Tensor:
    return norms._rsqrt(norms._add_in_place(norms.mean(norms.square(x), axes, keepdim=True)))


def no_weight(scores: Tensor, target: Tensor) -> Tensor:
    node, had = opened("NllLoss", (scores,), (scores, target)), scores.shape
    out = fresh("nll_loss", (scores, target), ())
    return closed(node, out, lambda g: [fresh("nll_loss_backward", g, had)])


def always_a_slice(x: Tensor, dim: int, part: slice) -> Tensor:
    start, stop, step = part.indices(x.shape[dim])
    if (start, stop, step) != (0, x.shape[dim], 1):
        return narrowed(x, dim, part)
    return multiply(x, 1.0)


def summed_anew(grad: Tensor, shape: tuple[int, ...]) -> Tensor:
    return fresh("sum", (grad,), shape)


Case = tuple[object, str, object, str, Style, Precision, Checkpoint]
MISTAKES: dict[str, Case] = {
    "gradients of one value are added in place": (
        engine, "_add", added_in_place, "llama-3-8b", "explicit", "fp32", "none",
    ),
    "a weight's gradient is copied": (
        engine, "_collect", copied, "gpt2", "fast", "fp32", "none",
    ),
    "every gradient is summed": (
        engine, "summed", summed_anew, "gpt2", "fast", "fp32", "none",
    ),
    "nothing is kept": (
        autograd.Node, "keep", kept_by_none, "gpt2", "fast", "fp32", "none",
    ),
    "a region runs again to its end": (
        checkpoint.Frame, "again", run_to_the_end, "gpt2", "fast", "fp32", "block",
    ),
    "what is made again stays": (
        checkpoint.Holder, "unpack", never_let_go, "llama-3-8b", "fast", "fp32", "block",
    ),
    "every attention is flash": (
        attention, "_kernel", lambda *_: "flash", "dropout", "fast", "fp32", "none",
    ),
    "every attention is math": (
        attention, "_kernel", lambda *_: "math", "gpt2", "fast", "fp32", "none",
    ),
    "a mask of booleans is no numbers": (
        attention, "_as_numbers", lambda mask, dtype: mask, "bert-base", "fast", "fp32", "none",
    ),
    "an expression lets its steps go": (
        norms, "_inverse_root", steps_gone, "llama-3-8b", "fast", "fp32", "none",
    ),
    "the loss keeps no sum of weights": (
        losses, "_nll", no_weight, "gpt2", "fast", "fp32", "none",
    ),
    "all of a table is a copy": (
        joining, "narrowed", always_a_slice, "llama-3.1-405b", "explicit", "bf16", "none",
    ),
    "nothing is taken for channels": (
        joining, "channels_last", lambda *_: False, "llama-3-8b", "explicit", "fp32", "none",
    ),
    "a weight is read as it is": (
        products, "transposed", clone, "gpt2", "fast", "fp32", "none",
    ),
}  # fmt: skip


def spec_of(name: str) -> Any:
    return with_dropout("gpt2", small("gpt2", 1).sets) if name == "dropout" else small(name, 1)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, replacement, spec, style, dtype, how = MISTAKES[mistake]
    assert differences(spec_of(spec), style, dtype, None, how) == []
    monkeypatch.setattr(owner, name, replacement)
    assert differences(spec_of(spec), style, dtype, None, how) != []
