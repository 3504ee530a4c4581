"""Random knobs of attention for positions: rotary, biases of the scores, windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fuzz import steps
from tests.fuzz.maker import Maker
from tests.fuzz.values import Val

Knobs = dict[str, Any]


def positions(m: Maker, x: Val, knobs: Knobs, heads: int, head: int) -> None:
    """One or two ways for an attention of x to itself to know where its tokens are."""
    ways: tuple[Callable[[], None], ...] = (
        lambda: knobs.update(alibi=True),
        lambda: rope(m, x, knobs, head),
        lambda: rope(m, x, knobs, head),
        lambda: bias(m, x, knobs, heads),
        lambda: bias(m, x, knobs, heads),
        lambda: window(m, x, knobs, heads),
        lambda: window(m, x, knobs, heads),
    )
    m.pick(ways)()
    if "window" not in knobs and m.chance(15):
        m.pick(ways[:-2])()


# ---- rotary
def rope(m: Maker, x: Val, knobs: Knobs, head: int) -> None:
    """Features that turn: some or all, of every position or of every coordinate."""
    if head % 2:
        head = 2 * m.number(1, 4)
        knobs["head_dim"] = m.size(head, x.width)
    axes = [axis for part in x.parts for axis in part.axes if axis.top is not None]
    named = list(dict.fromkeys(axis.name for axis in axes))
    if not named and not x.bounded:
        return
    over = named[:2] if named and (not x.bounded or m.chance(40)) else []
    if m.chance(30):
        over = over[::-1]
    if head % (2 * max(len(over), 1)):
        over = over[:1]
    rule: Knobs = {"base": m.rate(100, 10000, 7.5)}
    turning = [n for n in range(2, head + 1, 2) if n % (2 * max(len(over), 1)) == 0]
    if m.chance(30):
        rule["partial"] = f"{m.pick(turning)} / {head}"
    if m.chance(35):
        rule["interleaved"] = m.chance(80)
    if m.chance(30):
        rule["scaling"] = _scaling(m)
    if over:
        rule["over"] = over
    knobs["rope"] = rule if len(rule) > 1 or m.chance(50) else rule["base"]


def _scaling(m: Maker) -> Knobs:
    if m.chance(40):
        return {"kind": "linear", "factor": m.pick([2, 4, 1.5])}
    low = m.pick([1, 0.5])
    return {"kind": "llama3", "factor": m.pick([8, 2]), "low_freq_factor": low,
            "high_freq_factor": low * m.pick([4, 2]), "original_length": m.pick([4, 16, 64])}  # fmt: skip


# ---- biases of the scores
def bias(m: Maker, x: Val, knobs: Knobs, heads: int) -> None:
    """A learned number for every distance, or for every bucket of distances."""
    if m.chance(50):
        axes = [axis for axis in x.parts[0].axes if axis.top is not None]
        if len(x.parts) > 1 or not axes:
            return
        kept = [axis.name for axis in axes if m.chance(60)] or [axes[0].name]
        knobs["rel_bias"] = kept if m.chance(80) else kept[::-1]
        return
    rows = 2 * m.number(2, 5)
    rule: Knobs = {"buckets": m.size(rows), "max": m.size(m.number(rows // 2 + 1, 2 * rows))}
    if m.chance(50):
        rule["share"] = steps.share(m, "buckets", rows, heads)
    knobs["rel_bias"] = rule


# ---- windows
def window(m: Maker, x: Val, knobs: Knobs, heads: int) -> None:
    """Tiles of some axes, perhaps shifted, with a bias of their own extent."""
    if len(x.parts) > 1:
        return
    sizes: Knobs = {}
    shifts: Knobs = {}
    for axis in x.parts[0].axes:
        if sizes and m.chance(25):
            continue
        by = m.pick([n for n in range(1, axis.step + 1) if axis.step % n == 0][::-1])
        sizes[axis.name] = m.size(by)
        if by > 1 and m.chance(60):
            shift = m.number(1, by - 1)
            shifts[axis.name] = m.size(shift)
    knobs["window"] = sizes
    if shifts:
        knobs["shift"] = shifts
    free = [axis.name for axis in x.parts[0].axes if axis.name in sizes or axis.top is not None]
    if m.chance(40):
        knobs["rel_bias"] = [name for name in free if m.chance(70)] or free[:1]
