"""FLOPs as torch counts them on emitted files, on the meta device: no number is computed.

Experts get rows by numbers, so their files run on the CPU, at small sizes. Whatever the routing is,
a token goes through as many experts, and the count is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tfspec.api import Architecture
from tfspec.graph.graph import Graph
from tfspec.ops.experts import ExpertLinear
from tfspec.passes.cost.report import Cost
from tfspec.runtime.draws import inputs

MOST = 64  # of a length where numbers are computed


def device(graph: Graph) -> str:
    """Where its file runs: on the meta device if it can."""
    routed = any(isinstance(node.op, ExpertLinear) for node in graph.trace.nodes())
    return "cpu" if routed else "meta"


def model(architecture: Architecture, **how: Any) -> nn.Module:
    """The emitted model in eval mode, without memory where it can be."""
    return compiled(architecture.emit(**how), device(architecture.semantics)).eval()


def compiled(source: str, where: str) -> nn.Module:
    """The model of an emitted file's text."""
    space: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(source, "<emitted>", "exec"), space)
    with torch.device(where):
        return space["build"](device=where)


def sizes(architecture: Architecture, seed: int) -> dict[str, int]:
    """An allowed size for each dim that varies, drawn by the seed."""
    rng = Random(seed)
    domains = architecture.semantics.facts.domains
    most = MOST if device(architecture.semantics) == "cpu" else None
    return {
        name: rng.choice([n for n in domain.samples(8, rng)[:6] if most is None or n <= most])
        for name, domain in domains.items()
        if domain.low != domain.high
    }


def given(graph: Graph, at: Mapping[str, int]) -> list[Tensor]:
    """Inputs in the order of forward: flags last."""
    fixed = {name: domain.low for name, domain in graph.facts.domains.items()}
    values = inputs(graph, {**fixed, **at}, device(graph))
    order = sorted(graph.inputs, key=lambda tensor: tensor.kind == "bool")
    return [values[tensor.role or ""] for tensor in order]


def flops(run: Callable[[], object]) -> int:
    """What FlopCounterMode counts while this runs, attention by products of matrices."""
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        run()
    return counter.get_total_flops()


def forward_and_backward(made: nn.Module, values: list[Tensor]) -> tuple[int, int]:
    """FLOPs of a forward, and of the backward of all its outputs."""
    results: list[Tensor] = []

    def run() -> None:
        out = made(*values)
        results.extend(out if isinstance(out, tuple) else (out,))

    forward = flops(run)
    total = sum(result.sum() for result in results)
    assert isinstance(total, Tensor)
    return forward, flops(total.backward)


def miscounted(
    architecture: Architecture, *several: Mapping[str, int], **how: Any
) -> Iterator[str]:
    """Where what is told of a forward and its backward is not what torch counts, at each size."""
    made = model(architecture, **how)
    for at in several:
        counted = forward_and_backward(made, given(architecture.semantics, at))
        cost = costs(architecture, at)
        told = cost.number(cost.work.forward), cost.number(cost.work.backward)
        if told != counted:
            yield f"forward and backward are told as {told}, and are {counted}, at {at}"


def costs(architecture: Architecture, at: Mapping[str, int], mode: Any = "forward") -> Cost:
    return Architecture(architecture.loaded, {**architecture.sets, **at}).cost(mode)
