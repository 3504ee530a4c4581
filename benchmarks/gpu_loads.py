"""The loads that are timed: each checks an implementation, warms it up, and gives a call.

A maker raises `Wrong` for an implementation whose numbers are not right, in fp32 on a small load or
in bf16, compiled, on the very load that is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from gpu_cases import Decoding
from gpu_clock import Call, Memory
from gpu_compare import (
    OUTPUTS,
    Answer,
    Outputs,
    Standard,
    answer,
    cast,
    differences,
    free,
    outputs_of,
    placed,
    singles,
    standard,
)
from gpu_decode import PEERS, Emitted, decode_standard, greedy, stepped, text
from gpu_inputs import Inputs, Loss
from gpu_models import Model, Variant
from gpu_numerics import How, exact
from gpu_weights import rounded
from torch import Tensor, nn
from torch._dynamo.utils import counters

BATCHES = 4  # sets of inputs that take turns


class Wrong(ArithmeticError):
    """An implementation whose numbers are not right: it is not timed."""


@dataclass
class Timed:
    """An implementation that is right and warm."""

    call: Call
    memory: int | None
    notes: dict[str, int] = field(default_factory=dict)


Make = Callable[[], Timed]


# ---- forward and train step


def batches_for(model: Model, load: dict[str, int], padded: bool = False) -> list[Inputs]:
    seeds = range(1, 1 + BATCHES)
    return [cast(model.inputs(load, padded=padded, seed=seed), "bf16") for seed in seeds]


def forward(model: Model, how: How, load: dict[str, int], padded: bool = False) -> dict[str, Make]:
    """One forward pass without gradients, compiled."""
    batches = batches_for(model, load, padded)
    expected = standard(model, batches[0], "bf16", None)

    def start(variant: Variant, run: nn.Module) -> Call:
        right(expected, answer(model, variant, batches[0], None, run))

        @torch.inference_mode()
        def call(turn: int) -> Tensor:
            return run(**batches[turn % BATCHES])

        return call

    def compiled(variant: Variant) -> nn.Module:
        return how.compile(variant.module, fullgraph=variant.name == "emitted")

    return {name: partial(_made, model, make, compiled, start) for name, make in variants(model)}


def train(model: Model, how: How, load: dict[str, int], padded: bool = False) -> dict[str, Make]:
    """Forward, loss, backward and AdamW; the loss is compiled with the model.

    Every module is in eval mode: none has dropout, and what Marian draws in train mode to skip
    layers breaks its graph.
    """
    batches = batches_for(model, load, padded)
    labels = [model.labels(batch, seed=i) for i, batch in enumerate(batches)]
    loss = partial(model.loss, labels=labels[0])
    expected = standard(model, batches[0], "bf16", loss)

    def start(variant: Variant, run: nn.Module) -> Call:
        right(expected, _trained(model, variant, run, batches[0], labels[0]))
        optimizer = torch.optim.AdamW(variant.module.parameters(), lr=1e-4, fused=True)

        def call(turn: int) -> None:
            run(labels[turn % BATCHES], **batches[turn % BATCHES])[0].backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        return call

    def compiled(variant: Variant) -> nn.Module:
        with_loss = WithLoss(variant.module, model.loss)
        return how.compile(with_loss, fullgraph=variant.name == "emitted")

    return {name: partial(_made, model, make, compiled, start) for name, make in variants(model)}


class WithLoss(nn.Module):
    """A model and its loss, and what tells the loss of one input from another's."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, labels: Outputs, **inputs: Tensor) -> tuple[Tensor]:
        return (self.loss(outputs_of(self.model(**inputs)), labels),)


def variants(model: Model) -> list[tuple[str, Callable[[], Variant]]]:
    makers = [model.emitted, *model.peers()]
    return [(make.__name__, make) for make in makers]


def _made(
    model: Model,
    make: Callable[[], Variant],
    compiled: Callable[[Variant], nn.Module],
    start: Callable[[Variant, nn.Module], Call],
) -> Timed:
    """Build, check in fp32, compile, check in bf16, warm up, and see what memory it takes."""
    memory = Memory(model.device)
    variant = placed(make(), rounded(model.weights(), torch.bfloat16), "fp32")
    right_in_fp32(model, variant)
    variant.module.bfloat16()
    counters.clear()
    call = start(variant, compiled(variant))
    return warm(call, memory)


def warm(call: Call, memory: Memory) -> Timed:
    """Call until nothing is new, then once for the memory."""
    for turn in range(3):
        call(turn)
    free()
    memory.start()
    call(3)
    return Timed(call, memory.peak(), notes())


def notes() -> dict[str, int]:
    """What compilation had to say: graphs, breaks, and graphs that a device graph did not take."""
    return {
        "graphs": counters["stats"]["unique_graphs"],
        "breaks": sum(counters["graph_break"].values()),
        "cudagraph_skips": counters["inductor"]["cudagraph_skips"],
    }


# ---- checks


def right_in_fp32(model: Model, variant: Variant) -> None:
    """Eager, without TF32, on a small load: what bf16 is too coarse to see."""
    exact()
    inputs = model.inputs(model.load, padded=True)
    truth = placed(model.reference(), rounded(model.weights(), torch.bfloat16), "fp32")
    pair = (answer(model, each, inputs, None) for each in (variant, truth))
    error = differences(*pair)[0]["outputs"]
    if not error <= OUTPUTS:
        raise Wrong(f"fp32 outputs differ by {error:.1e}, more than {OUTPUTS:.0e}")


def right(expected: Standard, found: Answer) -> None:
    for verdict in expected.verdicts(found):
        if not verdict["ok"]:
            figures = f"{verdict['error']:.1e}, more than {verdict['bound']:.1e}"
            raise Wrong(f"bf16 {verdict['what']} differ by {figures}")


def _trained(
    model: Model, variant: Variant, run: nn.Module, inputs: Inputs, labels: Outputs
) -> Answer:
    """The gradients of the compiled loss, and the outputs of the model in it."""
    with torch.no_grad():
        outputs = singles(outputs_of(variant.module(**inputs)))
    counters.clear()  # eager FlexAttention counts as a graph
    run(labels, **inputs)[0].backward()
    gradients = variant.layout.read_gradients(variant.module, model.entry["weights"])
    gradients = {name: tensor.clone() for name, tensor in gradients.items()}
    variant.module.zero_grad(set_to_none=True)
    return Answer(outputs, gradients)


# ---- decoding


def decode(model: Model, how: How, load: Decoding, mode: str) -> dict[str, Make]:
    """Greedy decoding with a static cache; a call is all `steps` of the load."""
    expected = decode_standard(model, load, "bf16")
    tokens = text(model, load)
    weights = rounded(model.weights(), torch.bfloat16)
    chosen = None if mode == "default" else mode

    def make(kind: Any) -> Timed:
        memory = Memory(model.device)
        compiled = partial(how.compile, fullgraph=kind is Emitted, mode=chosen)
        counters.clear()
        decoder = kind(model, weights, "bf16", load, compiled)
        right(expected, Answer((stepped(decoder, tokens, load.prompt),), {}))
        last = tokens[:, load.prompt : load.prompt + 1].clone()
        return warm(lambda turn: greedy(decoder, last, load), memory)

    return {kind.name: partial(make, kind) for kind in (Emitted, *PEERS)}
