"""The lengths of a model that vary: what charts run over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from tfspec.graph.graph import Graph
from tfspec.passes.cost.fit import at_size, stands_for
from tfspec.passes.cost.report import Cost

ENDLESS = 1 << 15
"""Where a chart ends for a length that the spec gives no end."""


@dataclass(frozen=True)
class Length:
    """Dims that are lengths and vary alike, or a batch: all get one size. `high` is their end."""

    dims: tuple[str, ...]
    low: int
    high: int
    step: int

    def at(self, cost: Cost, size: int) -> Cost:
        """The cost at this size of each."""
        return reduce(lambda found, dim: at_size(found, dim, size), self.dims, cost)

    def label(self, cost: Cost) -> str:
        """How an axis names it: `S = T`; while decoding, a text's length is that of the cache."""
        return " = ".join(stands_for(cost, dim) for dim in self.dims)

    def after(self, steps: int) -> int:
        """The size so many steps from the least one, also beyond the end."""
        return self.low + steps * self.step

    def like(self, size: int) -> int:
        """The nearest size from below that lies on these steps."""
        return self.after(max(0, size - self.low) // self.step)

    def allowed(self, size: int) -> int:
        """The nearest size from below that the spec allows."""
        return self.like(min(self.high, size))


def length(graph: Graph) -> Length | None:
    """The length that varies farthest, with those that are declared as it is; None for none."""
    domains = graph.facts.domains
    names = [
        name for name, each in domains.items() if each.low != each.high and name in _axes(graph)
    ]
    if not names:
        return None
    last = max(names, key=lambda name: domains[name].high or ENDLESS)
    domain = domains[last]
    alike = tuple(name for name in names if domains[name] == domain)
    return Length(alike, domain.low, domain.high or max(domain.low, ENDLESS), domain.step)


def _axes(graph: Graph) -> set[str]:
    """Dims that a number of tokens depends on."""
    tensors = (*graph.streams.values(), *graph.inputs)
    sizes = (axis.size for tensor in tensors for axis in tensor.space.token_axes)
    return {name for size in sizes for name in size.symbols}


def batch(graph: Graph) -> Length | None:
    """A dim that varies, and is no length."""
    axes = _axes(graph)
    for name, domain in graph.facts.domains.items():
        if name not in axes and domain.low != domain.high:
            return Length((name,), domain.low, domain.high or ENDLESS, domain.step)
    return None


def some(length: Length, count: int = 4) -> list[int]:
    """A few sizes up to the end, each about twice the one before."""
    wanted = (length.high >> shift for shift in range(count - 1, -1, -1))
    return ascending(map(length.allowed, wanted))


def ascending(sizes: Iterable[int]) -> list[int]:
    return sorted(set(sizes))
