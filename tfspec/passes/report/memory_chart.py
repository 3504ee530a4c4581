"""Memory as bars of what is held, by kind, at a few lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfspec.passes.cost.report import Cost
from tfspec.passes.cost.text import scaled
from tfspec.passes.report.lengths import Length
from tfspec.passes.report.scales import BARS, Linear, Tick

ROW, BAR = 40, 22
"""From one bar to the next, and how tall one is."""
KINDS = ("weights", "gradients", "optimizer", "activations", "loss", "cache")
"""What a mode may hold, in the order in which bars have it."""


@dataclass(frozen=True)
class Segment:
    """A part of a bar; `text` says what it is and how much."""

    kind: str
    x: float
    width: float
    text: str


@dataclass(frozen=True)
class Bar:
    """One size: its parts, and where they end, beside which `total` stands."""

    name: str
    y: int
    segments: list[Segment]
    total: str
    end: float
    tall: int = BAR


@dataclass(frozen=True)
class MemoryChart:
    """`limit` is where the memory of the target ends, if it is inside. `unit` stands below."""

    title: str
    unit: str
    x: list[Tick]
    bars: list[Bar]
    kinds: list[str]
    height: int
    limit: Tick | None


def memory_chart(title: str, cost: Cost, length: Length, sizes: Sequence[int]) -> MemoryChart:
    """Bytes by kind, at each size of the length."""
    held = [_held(length.at(cost, size)) for size in sizes]
    totals = [sum(each.values()) for each in held]
    x = Linear(1.3 * max(totals), BARS.left, BARS.right)
    label = length.label(cost)
    names = [f"{label} = {size:,}" for size in sizes]
    bars = [
        _bar(x, name, BARS.top + ROW * at, each)
        for at, (name, each) in enumerate(zip(names, held, strict=True))
    ]
    kinds = [kind for kind in KINDS if any(kind in each for each in held)]
    unit = "bytes by kind, which are not all held at once" if cost.mode == "train" else "bytes"
    return MemoryChart(
        title, unit, x.ticks("B"), bars, kinds, BARS.top + ROW * len(bars), _limit(cost, x)
    )  # fmt: skip


def _held(cost: Cost) -> dict[str, int]:
    return {each.name: cost.number(each.formula) for each in cost.sizes}


def _bar(x: Linear, name: str, y: int, held: dict[str, int]) -> Bar:
    segments: list[Segment] = []
    done = 0
    for kind in KINDS:
        if held.get(kind):
            start = x.at(done)
            done += held[kind]
            text = f"{kind}: {scaled(held[kind], 'B')}"
            segments.append(Segment(kind, start, round(x.at(done) - start, 1), text))
    return Bar(name, y, segments, scaled(done, "B"), x.at(done))


def _limit(cost: Cost, x: Linear) -> Tick | None:
    if cost.timing is None or cost.timing.rates.memory > x.high:
        return None
    memory = cost.timing.rates.memory
    return Tick(x.at(memory), f"{memory / 1e9:g} GB")
