"""Random sums, joins and concats of pipelines that begin here or elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fuzz import gathers, steps
from tests.fuzz.maker import Maker
from tests.fuzz.steps import Made
from tests.fuzz.values import Part, Val

Tree = dict[str, Any]


def combined(m: Maker, x: Val) -> Made | None:
    """sum, join or concat of pipelines that begin here or elsewhere."""
    kind = m.pick(["sum", "join", "concat"])
    if kind == "concat":
        return _concat(m, x)
    operands: list[Any] = []
    values: list[Val] = []
    for _ in range(m.number(1, 3)):
        item, value = operand(m, x, x.width if kind == "sum" else None, ())
        operands.append(item)
        values.append(value)
    less = gathers.along(m, x) if kind == "sum" and m.chance(50) else None
    if less is not None:
        operands.insert(m.number(0, 1), less)
    width = x.width if kind == "sum" else sum(value.width for value in values)
    batch = max((value.batch for value in values), key=len) if less is None else x.batch
    return {kind: operands}, replace(
        values[0], batch=batch, width=width
    )  # parts are called as the first one's are


def operand(m: Maker, x: Val, width: int | None, *batches: tuple[str, ...]) -> Made:
    """A pipeline over x's tokens: steps from here, or from another value of this space, or of one
    over these batch axes."""
    others = [n for n, v in m.values.items() if v.over(*x.parts).space == v.space
              and v.batch in (x.batch, *batches) and m.readable(n)]  # fmt: skip
    if others and m.chance(40):
        name = m.pick(others)
        value = m.values[name]
        if width in (None, value.width):
            return name, value
        step, value = steps.linear(m, value, width)
        return [name, step], value
    step, value = m.pick((steps.linear, steps.act, steps.norm, steps.scale))(m, x)
    if width not in (None, value.width):
        more, value = steps.linear(m, value, width)
        return [step, more], value
    return (step if m.chance(70) else [step]), value


def _concat(m: Maker, x: Val) -> Made | None:
    operands: Tree = {}
    parts: list[Part] = []
    values = [(n, v) for n, v in m.values.items() if v.width == x.width and m.readable(n)]
    values = [(n, v) for n, v in values if len(v.parts) == 1 and v.batch in (x.batch, ())]
    if len(x.parts) > 1:
        return None
    for key in ("left", "right", "more")[: m.number(1, 3)]:
        if values and m.chance(50):
            name, value = m.pick(values)
            operands[key], part = name, value.parts[0]
        else:
            step, _ = m.pick((steps.act, steps.norm))(m, x)
            operands[key], part = [step], x.parts[0]
        parts.append(Part(key, part.axes))
    if all(m.values[o].batch == () for o in operands.values() if isinstance(o, str)) and all(
        isinstance(o, str) for o in operands.values()
    ):
        return None
    return {"concat": operands}, x.over(*parts)
