"""`--sweep T=1024..131072`: one dim over many sizes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tfspec.cli.failure import Failure
from tfspec.diagnostics import Rule, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.symbolic.domain import Range

if TYPE_CHECKING:
    from tfspec.api import Architecture
    from tfspec.symbolic.domain import Domain

SWEEP = Rule(
    "TS471",
    "a sweep that cannot be made",
    "`--sweep` takes one dim of the spec and sizes that it may have: 10,000 points at most, and "
    "500 of a dim that has one size in the spec, since each is another model.",
    "A curve over sizes that the spec does not allow would show another model's costs.",
    "tfspec cost gpt2 --sweep T=1..2048",
    "Write `--sweep T=128..1024` for doubled sizes, `--sweep T=128..1024:8` for even steps.",
)
MOST, MODELS = 10_000, 500
_FORM = re.compile(
    r"([A-Za-z_][A-Za-z0-9_]*)=([0-9]{1,12})\.\.([0-9]{1,12}|max)(?::([0-9]{1,12}))?"
)
_HELP = "write `--sweep T=128..1024`, or `--sweep T=128..1024:8` for 8 even steps"


def values_of(text: str, architecture: Architecture) -> tuple[str, list[int]]:
    """The dim and its sizes. Raises Failure for a text, a dim or a size that cannot be."""
    found = _FORM.fullmatch(text.replace(" ", ""))
    if found is None:
        raise Failure(SWEEP, f"{quoted(text)} is no sweep", _HELP)
    name, low, steps = found[1], int(found[2]), int(found[4]) if found[4] else None
    domain = _domain(name, architecture)
    high = _largest(name, domain) if found[3] == "max" else int(found[3])
    if not 1 <= low <= high:
        raise Failure(SWEEP, f"{quoted(text)} runs from {low} to {high}", "name the smaller first")
    if steps is not None and not 2 <= steps <= MOST:
        raise Failure(SWEEP, f"{steps} points are not between 2 and {MOST:,}", _HELP)
    for size in (low, high):
        if size < domain.low or (domain.high is not None and size > domain.high):
            message = f"`{name}` is declared as {domain}, and {size} is none of its sizes"
            wider = f"{min(low, domain.low)}..{max(high, domain.high or high)}"
            help = f"declare more by `--set {name}={wider}`, or sweep fewer"
            raise Failure(SWEEP, message, help)
    sizes = _even(low, high, steps) if steps else _doubled(low, high)
    if fixed(name, architecture) and len(sizes) > MODELS:
        raise Failure(SWEEP, f"{len(sizes):,} points are {len(sizes):,} models", "take fewer steps")
    return name, sorted({_allowed(size, domain) for size in sizes})


def _largest(name: str, domain: Domain) -> int:
    if domain.high is None:
        message = f"`{name}` is declared as {domain}, and has no largest size"
        raise Failure(SWEEP, message, _HELP)
    return domain.high


def _allowed(size: int, domain: Domain) -> int:
    """The nearest size from below that the dim may have; the least where there is none."""
    return domain.low + max(0, (size - domain.low) // domain.step) * domain.step


def fixed(name: str, architecture: Architecture) -> bool:
    """Whether a dim has one size in the spec, so that another one is another model."""
    spec = architecture.loaded.spec
    return spec is not None and name in spec.dims and spec.dims[name].kind == "size"


def _domain(name: str, architecture: Architecture) -> Domain:
    graph = architecture.semantics
    domains = {
        each: domain for each, domain in graph.facts.domains.items() if domain.low != domain.high
    }
    if name in graph.bound:
        raise Failure(SWEEP, f"`{name}` is swept and set", "leave it out of `--set`")
    if name in domains:
        return domains[name]
    if fixed(name, architecture):
        return Range(1, 1 << 40)
    near = nearest(name, graph.dims)
    help = f"did you mean `{near}`?" if near else f"its dims: {', '.join(graph.dims)}"
    raise Failure(SWEEP, f"there is no dim {quoted(name)}", help)


def _doubled(low: int, high: int) -> list[int]:
    sizes = [low]
    while sizes[-1] * 2 <= high:
        sizes.append(sizes[-1] * 2)
    return sizes if sizes[-1] == high else [*sizes, high]


def _even(low: int, high: int, steps: int) -> list[int]:
    return sorted({low + (high - low) * at // (steps - 1) for at in range(steps)})
