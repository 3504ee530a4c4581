"""Random valid specs in the language as it is supported now: `specs()` is the strategy."""

from __future__ import annotations

from random import Random
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.fuzz import gathers, modulations, steps
from tests.fuzz.inputs import declare
from tests.fuzz.maker import OUTPUTS, Maker
from tests.fuzz.streams import stream

Tree = dict[str, Any]


@st.composite
def specs(draw: st.DrawFn) -> Tree:
    """A spec as a tree of YAML's own types."""
    return make(draw(st.randoms(use_true_random=False)))


def make(rng: Random) -> Tree:
    m = Maker(rng)
    m.batch()
    if m.chance(25):
        m.batch()
    for value in (m.pick([4, 6, 2, 8]), m.pick([2, 3, 5])):
        m.dim(value)
    for _ in range(m.number(1, 3)):
        declare(m)
    for _ in range(m.number(1, 3)):
        stream(m)
    outputs = {m.name(OUTPUTS): _output(m) for _ in range(m.number(1, 2))}
    m.tree["outputs"] = outputs
    return _whole(m)


def _whole(m: Maker) -> Tree:
    names = ["toy", "model", "nn", "F", "torch", "a b-c", "7up", 'quo"""te', "bidi \u202e [red]"]
    top: Tree = {"tfspec": 1, "name": m.pick(names)}
    if m.chance(20):
        top["about"] = m.pick(["a toy", 'ends in a quote"', "back\\slash\\", "é · [bold] {x}"])
    top |= {key: value for key, value in m.tree.items() if value or key == "outputs"}
    if m.chance(25):
        top["init"] = _init(m)
    return top


def _init(m: Maker) -> Any:
    knobs: Tree = {}
    if m.chance(50):
        knobs["kind"] = m.pick(["normal", "truncated", "xavier", "fan_in", "torch"])
    drawn = knobs.get("kind", "normal") in ("normal", "truncated", "fan_in")
    if drawn and m.chance(60):
        knobs["std"] = m.rate(0.02, 0.1)
    if drawn and m.chance(30):
        knobs["residual"] = m.pick([0.5, "(2 * n) ** -0.5"])
    zeros = modulations.zeroed(m.tree)
    if zeros and m.chance(50):
        kept = [m.pick(zeros)] if m.chance(50) else zeros
        knobs["zeros"] = kept if len(kept) > 1 or m.chance(50) else kept[0]
    if knobs.get("kind") == "torch":
        return knobs
    if m.chance(30):
        knobs["embed"] = m.rate(1.0, 0.01)
    if m.chance(30):
        knobs["bias"] = m.pick(["zeros", "torch"])
    return knobs


def _output(m: Maker) -> Any:
    name = m.pick([name for name in m.values if name in m.tree["streams"]])
    x = m.values[name]
    items: list[Any] = [name]
    for make in (steps.take, steps.norm, steps.linear):
        if m.chance(40):
            made = make(m, x)
            if made is not None:
                items.append(made[0])
                x = made[1]
    compared = gathers.similarity(m, x) if m.chance(20) else None
    if compared is not None:
        items.append(compared)
    return items if len(items) > 1 or m.chance(30) else name


def written(tree: Tree, flow: bool | None = None) -> str:
    """The tree as YAML text."""
    return yaml.safe_dump(tree, sort_keys=False, default_flow_style=flow, allow_unicode=True)
