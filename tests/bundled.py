"""Every bundled spec at a small size, found by the checks alone: a new spec is tested at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

import pytest
import yaml
from torch import Tensor

import tfspec
from tfspec import zoo
from tfspec.api import Architecture
from tfspec.layers.stack import Stack
from tfspec.runtime.draws import inputs, shrunk
from tfspec.spec.names import layers_in
from tfspec.symbolic.domain import Domain

NAMES = tuple(zoo.names())
# one of each: what extends another and changes its dims alone has that one's structure
SIZED = {"dims", "tfspec", "name", "about", "extends", "expect"}
STRUCTURES = tuple(
    name for name in NAMES if not yaml.safe_load(zoo.path(name).read_text()).keys() <= SIZED
)
# tests that take seconds a spec: of each structure in `make test`, of every spec with `make slow`
BY_STRUCTURE = [
    name if name in STRUCTURES else pytest.param(name, marks=pytest.mark.slow) for name in NAMES
]


@cache
def small(name: str, seed: int = 0) -> Architecture:
    """The spec with small sizes, all as different as they may be; two layers a stack if allowed."""
    architecture = shrunk(tfspec.load(name), Random(seed))
    for depth in sorted(_depths(architecture)):
        for layers in (2, 4, 6):
            trial = Architecture(architecture.loaded, {**architecture.sets, depth: layers})
            if trial.check().ok:
                architecture = trial
                break
    return architecture


def _depths(architecture: Architecture) -> set[str]:
    spec = architecture.semantics.spec
    stacks = (each for each in layers_in(spec.streams) if isinstance(each, Stack))
    names = {name for stack in stacks for name in stack.depth.names}
    return {name for name in names if spec.dims[name].kind == "size"}


def batches(architecture: Architecture, count: int) -> Iterator[dict[str, Tensor]]:
    """Inputs at one allowed size after another; the first sizes differ from all later ones."""
    graph = architecture.semantics
    for at in range(count):
        sizes = {name: _size(domain, at) for name, domain in graph.facts.domains.items()}
        yield inputs(graph, sizes, "cpu")


def _size(domain: Domain, at: int) -> int:
    """Neither 0 nor 1 where it may be another: those are compiled apart."""
    size = domain.low + domain.step * ((1, 3, 2, 4, 1, 3)[at % 6] + (domain.low < 2))
    return size if domain.high is None else min(size, domain.high)
