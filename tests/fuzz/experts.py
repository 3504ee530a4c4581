"""Random experts of a feed-forward: how many, how many are shared, and how a router chooses."""

from __future__ import annotations

from typing import Any

from tests.fuzz.maker import Maker
from tests.fuzz.values import Val

Knobs = dict[str, Any]


def experts(m: Maker, x: Val, hidden: int) -> Knobs:
    """Knobs of a feed-forward that give it experts."""
    count = m.pick([4, 3, 2, 5, 1])
    used = m.number(1, count)
    knobs: Knobs = {"experts": m.size(count, x.width), "top_k": m.size(used, x.width)}
    m.weight += 3 * hidden * x.width * (count - 1)
    if m.chance(25):
        shared = m.number(0, 2)
        knobs["shared"] = shared
        m.weight += 3 * hidden * x.width * shared
    router = _router(m, x, count, used)
    if router.keys() == {"score"} and m.chance(50):
        knobs["router"] = router["score"]
    elif router or m.chance(30):
        knobs["router"] = router or "softmax"
    return knobs


def _router(m: Maker, x: Val, count: int, used: int) -> Knobs:
    knobs: Knobs = {}
    if m.chance(50):
        knobs["score"] = m.pick(["softmax", "sigmoid"])
    if used == 1:
        knobs["renorm"] = False  # else nothing would teach it
    elif m.chance(30):
        knobs["renorm"] = m.chance(50)
    if m.chance(30):
        knobs["balance"] = m.chance(70)
    if m.chance(30):
        knobs["scale"] = m.rate(2.5, 0.5, width=x.width)
    if count == 4 and m.chance(50):
        knobs["groups"] = m.size(2)
        knobs["top_groups"] = m.size(2 if used > 2 else m.number(1, 2))
    return knobs
