"""Random values that modulate others, and numbers shown as sines and cosines."""

from __future__ import annotations

from typing import Any

from tests.fuzz import steps
from tests.fuzz.maker import Maker
from tests.fuzz.steps import Made
from tests.fuzz.values import Val


def source(m: Maker, x: Val) -> Any | None:
    """A pipeline to one token, or to the tokens that x has: from elsewhere, or from x itself."""
    fitting = [name for name, value in m.values.items() if m.readable(name) and _fits(value, x)]
    if not fitting or m.chance(20):
        return [m.pick((steps.act, steps.scale))(m, x)[0]]
    name = m.pick(fitting)
    if m.chance(50):
        return name if m.chance(70) else [name]
    return [name, m.pick((steps.act, steps.linear, steps.scale))(m, m.values[name])[0]]


def _fits(value: Val, x: Val) -> bool:
    one = value.single and value.batch in (x.batch, ())
    return one or value.space == x.space


def sinusoid(m: Maker, x: Val) -> Made | None:
    """Of one number, which a map may make first."""
    first = [] if x.width == 1 else [{"linear": 1}]
    width = 2 * m.number(1, 4)
    knobs: dict[str, Any] = {"width": m.size(width, 1)}
    if m.chance(30):
        knobs["base"] = m.rate(100, 10000, 7.5)
    if m.chance(60):
        knobs["layout"] = m.pick(["interleaved", "halves", "cosines_first"])
    step = {"sinusoid": knobs if len(knobs) > 1 or m.chance(50) else knobs["width"]}
    return [*first, step] if first else step, x.wide(width)


def zeroed(tree: dict[str, Any]) -> list[str]:
    """Which maps of a spec may start at 0: a block's own rules count where a branch follows them."""
    found = str([*tree["streams"].values(), *tree["outputs"].values()])
    for block in tree["blocks"].values():
        whole = isinstance(block, dict)
        found += str(block["do"]) if whole and "do" in block else "" if whole else str(block)
        followed = [rule for rule in ("norm", "residual") if _followed(block, rule)]
        found += str({rule: block.get(rule) for rule in followed})
    words = {"gate": "'gate': {'from': ", "modulate": "'modulate': "}
    return [start for start, word in words.items() if word in found]


def _followed(block: Any, rule: str) -> bool:
    """Whether the first branch has no such rule of its own."""
    if not isinstance(block, dict) or "do" not in block:
        return False
    first = block["do"]
    while isinstance(first, list) or (isinstance(first, dict) and "par" in first):
        first = first[0] if isinstance(first, list) else first["par"]
    knobs = next(iter(first.values())) if isinstance(first, dict) else None
    return not isinstance(knobs, dict) or rule not in knobs
