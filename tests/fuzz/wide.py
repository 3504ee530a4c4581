"""Random values of parts whose widths differ, and blocks that say which part they work on."""

from __future__ import annotations

from typing import Any

from tests.fuzz import blocks, rules, steps
from tests.fuzz.attends import attend
from tests.fuzz.maker import BLOCKS, Maker
from tests.fuzz.steps import Made
from tests.fuzz.values import Part, Val

Sides = dict[str, Val]


def wide(m: Maker, x: Val) -> Made | None:
    """Both side by side, some layers over their parts, and one of these again."""
    if len(x.parts) > 1 or not x.batch:
        return None
    operands: dict[str, Any] = {}
    sides: Sides = {}
    for side in ("left", "right"):
        operands[side], value = _operand(m, x)
        for part in value.parts:
            name = side if len(value.parts) == 1 else part.name
            if name in sides or name in m.values:  # a part's name hides a stream's
                return None
            sides[name] = Val(x.batch, (Part(name, part.axes),), value.width)
    name = m.name(BLOCKS)
    m.tree["blocks"][name] = _block(m, sides)
    layers = {"stack": {"of": name, "depth": m.size(m.number(1, 4))}} if m.chance(60) else name
    kept = m.pick(list(sides))
    last = {"take": kept} if m.chance(60) else {"drop": [side for side in sides if side != kept]}
    return [{"concat": operands}, layers, last], sides[kept]


def _operand(m: Maker, x: Val) -> Made:
    """Another value, or what is made here of x."""
    others = [
        (name, value)
        for name, value in m.values.items()
        if m.readable(name) and value.batch in (x.batch, ())
    ]
    if others and m.chance(50):
        return m.pick(others)
    step, value = m.pick((steps.linear, steps.act, steps.norm))(m, x)
    return [step], value


def _block(m: Maker, sides: Sides) -> Any:
    block: dict[str, Any] = {}
    if m.chance(75):
        block["norm"] = rules.block_norm(m)
    block["do"] = [_several(m, sides) for _ in range(m.number(1, 3))]
    if m.chance(25):
        block["residual"] = rules.residual(m)
    if m.chance(20):
        block["bias"] = m.chance(50)
    return block


def _several(m: Maker, sides: Sides) -> Any:
    if m.chance(70):
        return _branch(m, sides)
    return {"par": [_branch(m, sides) for _ in range(m.number(1, 2))]}


def _branch(m: Maker, sides: Sides) -> Any:
    """An attention or a feed-forward of one side, or its attention to the other one."""
    side, other = m.pick([(a, b) for a in sides for b in sides if a != b])
    x = sides[side]
    made: Any = None
    if m.chance(30):
        heads = m.pick([n for n in (1, 2, 3) if x.width % n == 0])
        made = {"attend": {"to": other, "heads": m.size(heads)}}
    elif m.chance(50):
        made = attend(m, x, branch=False)
    made = made or blocks.ffn(m, x, branch=False)
    (knobs,) = made.values()
    knobs["only"] = side
    rules.own(m, knobs)
    return made
