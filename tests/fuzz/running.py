"""An emitted file run: with weights by semantic name, on random inputs, at chosen sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from tfspec.graph.graph import Graph
from tfspec.passes.cost.work import work
from tfspec.passes.emit.file import file_text
from tfspec.program.program import Program
from tfspec.runtime.weights import layout, pack
from tfspec.symbolic import Dim

torch.set_num_threads(1)
Bindings = dict[str, int]
Space = dict[str, Any]
LARGEST = 3_000_000
DEEPEST = 10_000
"""Torch makes so many layers in a fraction of a second; a mutation can ask for a million."""
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Built:
    """A spec's models by style, with the same weights in each, and the sizes that they ran at."""

    sizes: list[Bindings]
    models: dict[str, nn.Module]
    weights: Weights


def bindings(graph: Graph, rng: Random, count: int) -> Iterator[Bindings]:
    """Allowed sizes: the least, the largest of small ranges, and some between."""
    seen: list[Bindings] = []
    for at in range(count):
        sizes: Bindings = {}
        for name, domain in graph.facts.domains.items():
            last = (
                min(domain.high or 1 << 60, domain.low + 5 * domain.step) - domain.low
            ) // domain.step
            steps = (0, last)[at] if at < 2 else rng.randint(0, last)
            sizes[name] = domain.low + steps * domain.step
        if sizes not in seen:
            seen.append(sizes)
            yield sizes


def small(graph: Graph, seed: int) -> list[Bindings]:
    """Sizes at which the model is quick to run; none for a large one."""
    if graph.layers > DEEPEST:
        return []
    return [at for at in bindings(graph, Random(seed), 3) if cost(graph, at) < LARGEST]


def weights(program: Program, seed: int) -> Weights:
    """Random weights by semantic name, at a scale that keeps values in range."""
    made = torch.Generator().manual_seed(seed)
    found: Weights = {}
    for joint in layout(program).values():
        for part in joint.parts:
            fan = part.shape[-1] if len(part.shape) > 1 else 4
            found[part.name] = (
                torch.randn(part.shape, generator=made, dtype=torch.float64) * fan**-0.5
            )
    return found


def inputs(graph: Graph, at: Bindings, seed: int) -> dict[str, Tensor]:
    """A random tensor for every input."""
    made = torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {}
    for tensor in graph.inputs:
        shape = tuple(size.value(at) for size in tensor.shape)
        assert tensor.role
        if tensor.kind == "ids":
            assert tensor.vocabulary is not None
            rows = tensor.vocabulary.value(at)
            found[tensor.role] = torch.randint(rows, shape, generator=made)
        elif tensor.kind == "bool":
            found[tensor.role] = torch.rand(shape, generator=made) < 0.6
        else:
            found[tensor.role] = torch.randn(shape, generator=made, dtype=torch.float64)
    return found


def model(program: Program, source: str | None = None) -> nn.Module:
    """The emitted file's model, in float64 and eval mode; its fixed tables too, for a norm may
    magnify their rounding without bound."""
    space = executed(program, source)
    torch.manual_seed(0)
    return space["build"](dtype=torch.float64).eval()


def executed(program: Program, source: str | None = None) -> Space:
    """The names of the emitted file."""
    space: Space = {"__name__": "emitted"}
    source = (source or file_text(program)).replace(".float()", ".double()")
    exec(compile(source, "<emitted>", "exec"), space)
    return space


def load(made: nn.Module, program: Program, given: Weights) -> None:
    made.load_state_dict(pack(program, given), strict=True)


def call(made: nn.Module, graph: Graph, given: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """The model's outputs; flags may be left out."""
    with torch.no_grad():
        out = made(*ordered(graph, given))
    return out if isinstance(out, tuple) else (out,)


def ordered(graph: Graph, given: Mapping[str, Tensor]) -> list[Tensor | None]:
    """Inputs as forward takes them: flags stand last, and may be left out."""
    order = sorted(graph.inputs, key=lambda tensor: tensor.kind == "bool")
    return [given.get(tensor.role or "") for tensor in order]


def cost(graph: Graph, at: Bindings) -> int:
    """About how many numbers a forward computes: what is too large is not run."""
    total = sum(_value(tensor.elements, at) for tensor in graph.inputs)
    for node in graph.trace.nodes():
        for tensor in node.outputs:
            total += _value(tensor.elements, at)
    products = work(graph, lambda tensor: tensor.shape).values()
    return total + sum(_value(one.forward, at) for one in products) + _value(graph.params, at)


def _value(size: Dim, at: Bindings) -> int:
    return size.value(at)
