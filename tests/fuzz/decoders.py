"""Random specs of models that can be decoded: layers over a text, and an output of its tokens."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz import blocks, steps
from tests.fuzz.maker import OUTPUTS, Maker
from tests.fuzz.steps import Made
from tests.fuzz.texts import Text, text
from tests.fuzz.values import Val

Tree = dict[str, Any]
BODIES: tuple[Callable[[Maker, Val], Made | None], ...] = (
    blocks.stack,
    blocks.stack,
    blocks.one_block,
    blocks.bare,
)
NAMES = ("toy", "model", "nn", "Cache", "position", "prefill", "decode")


def make(rng: Random) -> Tree:
    """A spec as a tree of YAML's own types."""
    m = Maker(rng)
    made = text(m)
    m.stream = made.stream
    m.tree["streams"][made.stream] = _layers(m, made)
    outputs = {m.name(OUTPUTS): _output(m, made)}
    if m.values and m.chance(20):
        more = {m.name(OUTPUTS): m.pick(list(m.values))}
        outputs = outputs | more if m.chance(50) else more | outputs
    m.tree["outputs"] = outputs
    kept = {key: value for key, value in m.tree.items() if value or key == "outputs"}
    return {"tfspec": 1, "name": m.pick(NAMES), **kept}


def _layers(m: Maker, made: Text) -> list[Any]:
    """The text's own steps; one at least reads its earlier tokens, or there is no cache."""
    items = list(made.begins)
    for _ in range(m.number(1, 3)):
        step = m.pick(BODIES)(m, made.value)
        if step is not None:
            items.append(step[0])
    if "causal" not in f"{items} {m.tree['blocks']}":
        items.append({"attend": {"heads": 2, "mask": "causal"}})
    if m.chance(50):
        items.append(steps.norm(m, made.value)[0])
    return items


def _output(m: Maker, made: Text) -> Any:
    items: list[Any] = [made.stream]
    if made.read and m.chance(60):
        items.append(m.pick(made.read))
    if m.chance(70):
        items.append({"linear": m.number(2, 13)})
    return items
