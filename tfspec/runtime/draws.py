"""Random small sizes: the same architecture with every settable dim drawn, and inputs for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import torch
from torch import Tensor

from tfspec.api import Architecture
from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor as GraphTensor
from tfspec.program.code_names import safe
from tfspec.symbolic.mending import divisors

LARGEST = 24
TRIES = 8
MOST = 1 << 24  # a number whose divisors are worth looking for


def shrunk(architecture: Architecture, random: Random) -> Architecture:
    """Every dim that the spec gives a number drawn anew, as far as the checks allow.

    One dim changes at a time, and only where the spec stays correct, so every draw is allowed; two
    rounds, so that sizes that must divide each other get away from those of the spec. Where no
    small draw is allowed, the least divisor that is: a width of 4096 would fill the memory. Last,
    sizes that fit only together.
    """
    loaded = replace(architecture.loaded, diagnostics=[])
    small = Architecture(loaded, dict(architecture.sets))
    dims = architecture.semantics.spec.dims
    names = [name for name in architecture.semantics.facts.domains if dims[name].kind == "size"]
    for name in random.sample(names, len(names)) + random.sample(names, len(names)):
        small = _redrawn(small, name, random)
    for name in random.sample(names, len(names)):
        small = _together(small, name, names)
    return small


def _together(small: Architecture, unit: str, names: Sequence[str]) -> Architecture:
    """What is still large made smaller with a dim that it is a multiple of.

    An image is so many windows of so many patches: no size of one alone fits the others. The
    largest of small sizes come first, which leave the dims that they hold apart.
    """
    values = {name: small.semantics.facts.domains[name].low for name in names}
    now = values.pop(unit)
    large = {n: v // now for n, v in values.items() if v > LARGEST and v % now == 0}
    most = LARGEST // max(large.values(), default=now)
    sizes = [*range(most, 1, -1), *range(max(2, most + 1), min(now, LARGEST + 1))]
    for size in sizes if large else ():
        scaled = {name: times * size for name, times in large.items()}
        trial = Architecture(small.loaded, {**small.sets, **scaled, unit: size})
        if trial.check().ok:
            return trial
    return small


def _redrawn(small: Architecture, name: str, random: Random) -> Architecture:
    values = small.semantics.facts.domains
    taken = {domain.low for other, domain in values.items() if other != name}
    now = values[name].low
    draws = _candidates(now, taken, random)[:TRIES]
    rest = divisors(now) if LARGEST < now < MOST else []
    for candidate in [*draws, *(n for n in rest if n > LARGEST)]:
        trial = Architecture(small.loaded, {**small.sets, name: candidate})
        if trial.check().ok:
            return trial
    return small


def _candidates(value: int, taken: set[int], random: Random) -> list[int]:
    """Small sizes in random order: divisors of what it is, which fit more often, among them.

    Sizes that no other dim has come first, and 1 last: equal sizes hide mistakes.
    """
    few = random.sample(range(2, LARGEST + 1), LARGEST - 1)
    fitting = [n for n in few if value % n == 0]
    mixed = [n for pair in zip(few, fitting + few, strict=False) for n in pair]
    return sorted(dict.fromkeys([*mixed, 1]), key=lambda n: (n == 1, n in taken))


def free_sizes(graph: Graph, random: Random, *, largest: bool = False) -> dict[str, int]:
    """A value for every dim that is still free: small ones, or the largest of each range."""
    values = graph.bindings()
    if graph.spec.assume:
        return values  # what is assumed need not hold for sizes drawn at random
    for name, domain in graph.facts.domains.items():
        if name in graph.bound or domain.low == domain.high:
            continue
        if largest:
            values[name] = domain.high or values[name]
        else:
            drawn = domain.low + domain.step * random.randint(0, 8)
            values[name] = min(drawn, domain.high or drawn)
    return values


def inputs(graph: Graph, sizes: Mapping[str, int], device: str) -> dict[str, Tensor]:
    """Random tensors for the model's inputs, by parameter."""
    return {safe(t.role or "x"): _input(t, sizes, device) for t in graph.inputs}


def _input(tensor: GraphTensor, sizes: Mapping[str, int], device: str) -> Tensor:
    shape = [size.value(sizes) for size in tensor.shape]
    if tensor.kind == "float":
        return torch.randn(shape, device=device)
    if tensor.kind == "bool":
        return torch.rand(shape, device=device) > 0.3
    assert tensor.vocabulary is not None
    return torch.randint(tensor.vocabulary.value(sizes), shape, device=device)
