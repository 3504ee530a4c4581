"""Whether a model fits a target's memory, and the largest batch and length that do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tfspec.symbolic.domain import Domain

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost, Quantity

RESERVE = 1_000_000_000
"""Bytes that a driver's context and an allocator's gaps take of a device: an assumption."""
FARTHEST = 1 << 40
"""No batch and no text without a declared end is looked for beyond."""


def total_bytes(cost: Cost) -> int:
    """What a mode holds at its fullest moment; where that is not known, all of it together:
    weights, and where there are any gradients, the optimizer's states, activations, the cache."""
    peak = next((each.value for each in cost.by_run if each.name == "peak_total"), None)
    return sum(each.value for each in held(cost)) if peak is None else peak


def held(cost: Cost) -> list[Quantity]:
    """Bytes by kind, with activations that a run of the stand-in tells, where no peak is told."""
    return [*cost.sizes, *(each for each in cost.by_run if each.name == "activations")]


def lacks(cost: Cost) -> bool:
    """Whether it trains, and nothing is known of what its activations take."""
    if cost.mode != "train" or any(each.name == "peak_total" for each in cost.by_run):
        return False
    return all(each.name != "activations" for each in held(cost))


def memory_bytes(cost: Cost) -> int:
    """What the target has for it. The cost must have one."""
    assert cost.timing is not None, "what fits is asked of a target"
    return cost.timing.rates.memory - RESERVE


def fits(cost: Cost) -> bool:
    return total_bytes(cost) <= memory_bytes(cost)


@dataclass(frozen=True)
class Largest:
    """The largest size of a dim that fits, everything else as it is; None where none does. While
    decoding, the length is that of the cache.

    `ends`: larger ones are not allowed by the spec, so that memory may not be what ends it.
    """

    dim: str
    size: int | None
    bytes: int
    ends: bool


def largest(cost: Cost) -> list[Largest]:
    """For each dim that varies, a batch or a length: the largest size, all others as they are."""
    domains = cost.graph.facts.domains
    return [_largest(cost, name) for name, each in domains.items() if each.low != each.high]


def _largest(cost: Cost, name: str) -> Largest:
    domain, shown = cost.graph.facts.domains[name], stands_for(cost, name)

    def at(step: int) -> Cost:
        return at_size(cost, name, domain.low + step * domain.step)

    last = _last(domain)
    found = _last_that(lambda step: fits(at(step)), last)
    if found is None:
        return Largest(shown, None, total_bytes(at(0)), False)
    size = domain.low + found * domain.step
    return Largest(shown, size, total_bytes(at(found)), found == last)


def stands_for(cost: Cost, dim: str) -> str:
    """While decoding, the text's length is that of the cache: its slots."""
    texts = cost.mode == "decode" and dim == str(cost.graph.token_axis.size)
    return cost.graph.slots_name if texts else dim


def _last(domain: Domain) -> int:
    """The number of the largest allowed size, the least being 0."""
    high = FARTHEST if domain.high is None else domain.high
    return (high - domain.low) // domain.step


def _last_that(holds: Callable[[int], bool], last: int) -> int | None:
    """The last of 0, 1, ... that holds, where none does after one that does not."""
    if not holds(0):
        return None
    low, step = 0, 1
    while low + step <= last and holds(low + step):
        low, step = low + step, step * 2
    high = min(low + step, last + 1)  # does not hold, or is not allowed
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def at_size(cost: Cost, dim: str, size: int) -> Cost:
    """The same cost where a dim that varies has this size; letters follow from it."""
    return replace(cost, values=values_at(cost, dim, size))


def values_at(cost: Cost, dim: str, size: int) -> dict[str, int]:
    """The value of every symbol where a dim that varies has this size."""
    values = {**cost.values, dim: size}
    if _fills_cache(cost, dim):
        values[cost.graph.slots_name] = size  # the text so far, in a cache of its length
        values[dim] = cost.values[dim] if cost.mode == "decode" else size
    return values | {letter: whole.value(values) for letter, whole in cost.letters.items()}


def _fills_cache(cost: Cost, dim: str) -> bool:
    return cost.mode in ("prefill", "decode") and dim == str(cost.graph.token_axis.size)


def changing(cost: Cost, dim: str) -> set[str]:
    """The symbols whose values depend on the size of a dim."""
    found = {dim}
    if _fills_cache(cost, dim):
        found.add(cost.graph.slots_name)
    return found | {name for name, whole in cost.letters.items() if found & whole.symbols}
