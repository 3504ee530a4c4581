"""`expect` held against what comes out: equalities and budgets on parameters, FLOPs and cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.graph.graph import Graph
from tfspec.program.refusal import NotYet
from tfspec.spec.schema import Expect

if TYPE_CHECKING:
    from tfspec.passes.cost.report import Cost

UNEXPECTED = Rule(
    "TS301",
    "an expectation that does not hold",
    "`expect` says what must come out, and something else does.",
    "The spec or the expectation is wrong; a published model's count tells which.",
    "expect: {params: 124439809}",
    "Correct the spec, or write the number that the message gives.",
)
OVER_BUDGET = Rule(
    "TS302",
    "a budget that is exceeded",
    "`expect` sets a budget, and the model needs more.",
    "CI holds a model to its budget this way.",
    "expect: {max_params: 100e6}",
    "Make the model smaller, or raise the budget.",
)
TRAINED = "bf16"
CACHED = 2
"""Bytes of a number in the cache, which is kept in bf16 where it is large."""


@dataclass(frozen=True)
class Held:
    """A quantity that `expect` may speak of: its key, its words, and how it is found.

    `lacks` says what a model has not, for which this is not known.
    """

    key: str
    words: str
    value: Callable[[Graph], int | None]
    lacks: str = ""


def expected(expect: Expect, graph: Graph) -> Iterator[Diagnostic]:
    """What of an `expect` does not hold, or cannot be told yet."""
    for held in _HELD:
        if getattr(expect, held.key) is not None or getattr(expect, f"max_{held.key}") is not None:
            yield from _compared(expect, held, graph)


def _compared(expect: Expect, held: Held, graph: Graph) -> Iterator[Diagnostic]:
    try:
        value = held.value(graph)
    except NotYet as refusal:
        yield _unknown(expect, held, refusal.diagnostic)
        return
    if value is not None:
        yield from _equal(expect, held, value)
        yield from _within(expect, held, value, graph)


def _unknown(expect: Expect, held: Held, cause: Diagnostic) -> Diagnostic:
    """What cannot be told, at the expectation of it, with the place that is the reason."""
    keys = (held.key, f"max_{held.key}")
    key = next(each for each in keys if getattr(expect, each) is not None)
    place = Label(expect.span_of(key))
    if not held.lacks or cause.primary is None:
        help = cause.help or (f"leave `{key}` out",)
        return replace(cause, primary=cause.primary or place, help=help)
    reason = replace(cause.primary, text=cause.primary.text or "because of this")
    return replace(
        cause, message=f"{held.lacks}: {cause.message}", primary=place,
        secondary=(reason, *cause.secondary), help=(f"leave `{key}` out",),
    )  # fmt: skip


def _equal(expect: Expect, held: Held, value: int) -> Iterator[Diagnostic]:
    wanted: int | None = getattr(expect, held.key)
    if wanted is None or wanted == value:
        return
    more = value - wanted
    message = f"{wanted:,} {held.words} are expected, and the spec has {value:,}"
    words = f"{abs(more):,} {'fewer' if more > 0 else 'more'} than it has"
    yield Diagnostic(UNEXPECTED, message, Label(expect.span_of(held.key), words))


def _within(expect: Expect, held: Held, value: int, graph: Graph) -> Iterator[Diagnostic]:
    key = f"max_{held.key}"
    most: int | None = getattr(expect, key)
    if most is None or value <= most:
        return
    message = f"at most {most:,} {held.words} are allowed, and the spec has {value:,}"
    label = Label(expect.span_of(key), f"{value - most:,} over")
    yield Diagnostic(OVER_BUDGET, message, label, help=_largest(held, graph))


def _largest(held: Held, graph: Graph) -> tuple[str, ...]:
    """Where most of it is, of a quantity that has parts."""
    from tfspec.passes.cost.cost import cost

    if held.key == "peak_bytes":
        return _kept_most(graph)
    if held.key not in ("params", "flops"):
        return ()
    try:
        found = cost(graph)
    except NotYet:  # a dim without a largest value: parameters are known all the same
        return ()
    rows = [row for row in found.grouped("layer") if row.kind not in ("stream", "output")]
    each = [found.number(row.params if held.key == "params" else row.work.forward) for row in rows]
    if not any(each):
        return ()
    share, row = max(zip(each, rows, strict=True), key=lambda pair: pair[0])
    count = f" × {row.count}" if row.count > 1 else ""
    return (f"the largest part is `{row.label}{count}`: {share:,}",)


def _kept_most(graph: Graph) -> tuple[str, ...]:
    """The module whose steps keep most for backward, in all layers."""
    from tfspec.passes.memory.saved import saved

    kept = Counter[str]()
    for row in saved(graph, dtype=TRAINED, sizes=_step(graph).sizes_of_dims).rows:
        kept[row.module] += row.bytes
    if not kept:
        return ()
    ((module, size),) = kept.most_common(1)
    place = f"`{module}`" if module else "the model itself"
    return (f"{place} keeps most for backward: {size:,} bytes",)


def _step(graph: Graph) -> Cost:
    """A training step at batch 1, every range at its end, whatever dims are bound to."""
    from tfspec.passes.cost.cost import cost

    return cost(graph, "train", dtype=TRAINED, bound={})


def _peak_bytes(graph: Graph) -> int | None:
    found = _step(graph).peak
    if isinstance(found, str):
        raise NotYet.of(f"a peak is not known, for {found}", None)
    return None if found is None else found.total


def _params(graph: Graph) -> int | None:
    return graph.facts.value(graph.params)


def _active(graph: Graph) -> int | None:
    return graph.facts.value(graph.active)


def _flops(graph: Graph) -> int | None:
    """Of one forward at batch 1, every range at its end, whatever dims are bound to."""
    from tfspec.passes.cost.cost import cost

    found = cost(graph, bound={})
    return found.number(found.work.forward)


def _cache_bytes(graph: Graph) -> int | None:
    """Of one slot more at batch 1; 0 for a model that reads no text."""
    from tfspec.passes.cost.sizes import cached

    numbers = cached(graph)
    least = {name: domain.low for name, domain in graph.facts.domains.items()}
    if numbers is None:
        return 0
    one, two = (numbers.held.value({**least, graph.slots_name: slots}) for slots in (1, 2))
    return CACHED * (two - one)


_HELD = (
    Held("params", "parameters", _params),
    Held("active_params", "active parameters", _active),
    Held("flops", "FLOPs", _flops),
    Held(
        "cache_bytes_per_token",
        "bytes of cache a token",
        _cache_bytes,
        lacks="`expect` speaks of a cache, and the model has none",
    ),
    Held(
        "peak_bytes",
        "bytes at the peak of a training step",
        _peak_bytes,
        lacks="`expect` speaks of a training step, and none is known",
    ),
)
