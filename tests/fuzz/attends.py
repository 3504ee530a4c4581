"""Random attention."""

from __future__ import annotations

from typing import Any

from tests.fuzz import combined, gathers, places, predicates, scores, steps
from tests.fuzz.maker import Maker
from tests.fuzz.rules import own, shared
from tests.fuzz.values import Val

WHOLE = ("window", "over", "only")
"""Knobs of what needs all of a text at once."""


def attend(m: Maker, x: Val, *, branch: bool = True) -> Any | None:
    """An attention that reads x, or None where there can be none."""
    made = _attend(m, x, branch=branch)
    return made if made is None or not m.new else _causal(made["attend"])


def _causal(knobs: dict[str, Any]) -> Any | None:
    """The same where tokens come one by one, or None for what none can be."""
    rope = knobs.get("rope")
    by_axes = isinstance(knobs.get("rel_bias"), list) or (isinstance(rope, dict) and "over" in rope)
    if by_axes or any(knob in knobs for knob in WHOLE):
        return None
    if "to" in knobs:
        return {"attend": knobs}
    mask = knobs.get("mask", "causal")
    return {"attend": knobs | {"mask": mask if mask == "causal" else f"causal and ({mask})"}}


def _attend(m: Maker, x: Val, *, branch: bool) -> Any | None:
    knobs: dict[str, Any] = {}
    head = 0
    heads = m.pick([n for n in (1, 2, 3, 4) if x.width % n == 0])
    if m.chance(30):
        heads, head = m.number(1, 4), m.number(1, 5)
        knobs["head_dim"] = m.size(head, x.width)
    knobs = {"heads": m.size(heads, x.width), **knobs}
    head = head or x.width // heads
    if x.width % heads and "head_dim" not in knobs:
        return None
    if m.chance(30):
        knobs["kv_heads"] = m.size(m.pick([n for n in range(1, heads + 1) if heads % n == 0]))
    if m.chance(20):
        knobs["v_head_dim"] = m.size(m.number(1, 5))
    if m.chance(40):
        knobs["bias"] = m.pick([True, False, ["q", "v"], ["out"], [], ["k", "q", "v"]])
    for knob, rates in (("scale", (0.5, 1, 0.1)), ("softcap", (5.0, 1)), ("dropout", (0.1, 0))):
        if m.chance(15):
            knobs[knob] = m.pick(rates)
    if m.chance(15):
        knobs["qk_norm"] = _qk_norm(m)
    if m.chance(15):
        knobs["sinks"] = m.chance(80)
    if branch and m.chance(12):
        return {"attend": shared(m, "attend", x.width, knobs)}
    if not x.single and m.chance(12):
        return _latent(m, x, knobs, branch=branch)
    source = _source(m, x, knobs, branch=branch) if m.chance(35) else None
    if branch and source is None and len(x.parts) > 1 and m.chance(40):
        part = m.pick(x.parts)
        if part.axes:
            knobs["only"] = part.name
            x = x.over(part)
    if m.chance(20):
        knobs |= _placed(m, x, source)
    over = _over(m, x) if source is None and m.chance(35) else []
    if over:
        knobs["over"] = over
        if m.chance(40):
            knobs["mask"] = "causal"
        if branch:
            own(m, knobs, x)
        return {"attend": knobs}
    if source is None and not x.single and m.chance(45):
        scores.positions(m, x, knobs, heads, head)
        if "window" in knobs:
            knobs.pop("sinks", None)
    if m.chance(10 if "window" in knobs else 60):
        rule = knobs.get("rel_bias")
        if isinstance(rule, dict):
            mask = predicates.bucketed(m, x)
        else:
            mask = predicates.mask(m, x, source, windowed="window" in knobs)
        if mask:
            knobs["mask"] = mask
    if branch:
        own(m, knobs, None if "only" in knobs else x)
    return {"attend": knobs}


def _latent(m: Maker, x: Val, knobs: dict[str, Any], *, branch: bool) -> Any:
    """By way of latents: of every head its own keys, and none of the maps but the last is biased."""
    knobs = {knob: value for knob, value in knobs.items() if knob not in ("kv_heads", "qk_norm")}
    knobs["bias"] = m.pick([False, ["out"], []])
    rule: dict[str, Any] = {"q": m.size(m.number(1, 6), x.width)} if m.chance(50) else {}
    rule["kv"] = m.size(m.number(1, 6), x.width)
    if x.bounded and m.chance(60):
        rule["rope"] = m.size(2 * m.number(1, 3), x.width)
        knobs["rope"] = m.rate(100, 10000, 7.5)
        if m.chance(40):
            knobs["rope"] = {"base": knobs["rope"], "interleaved": m.chance(80)}
    knobs["latent"] = rule
    mask = predicates.mask(m, x, None) if m.chance(60) else None
    if mask:
        knobs["mask"] = mask
    if branch:
        own(m, knobs, x)
    return {"attend": knobs}


def _placed(m: Maker, x: Val, source: Val | None) -> dict[str, Any]:
    """Positions of queries and keys, of both alike or of each its own."""
    if source is None and m.chance(50):
        both = _positions(m, x)
        return {} if both is None else {"pos": both}
    sides = {"query": _positions(m, x), "key": _positions(m, source or x)}
    kept = {side: made for side, made in sides.items() if made is not None and m.chance(80)}
    return {"pos": kept} if kept else {}


def _positions(m: Maker, x: Val) -> Any | None:
    """A table, or a value that is added."""
    table = places.pos(m, x) if m.chance(50) else None
    if table is not None:
        return table[0]["pos"]
    less = gathers.along(m, x) if m.chance(40) else None
    return combined.operand(m, x, x.width, ())[0] if less is None else less


def _over(m: Maker, x: Val) -> list[str]:
    """Some of the axes, where every part has all of the others or none."""
    axes = {axis.name: axis for part in x.parts for axis in part.axes}
    if any(axes[axis.name] != axis for part in x.parts for axis in part.axes) or len(axes) < 2:
        return []
    over = [name for name in axes if m.chance(50)]
    moved = [name for name in axes if name not in over]
    held = [[a.name for a in part.axes if a.name in moved] for part in x.parts]
    return over if over and all(each in ([], moved) for each in held) else []


def _qk_norm(m: Maker) -> Any:
    knobs: dict[str, Any] = {"kind": m.pick(["rms", "layer", "l2"])}
    if m.chance(30):
        knobs["eps"] = 0.01
    if m.chance(20):
        knobs["affine"] = False
    if m.chance(20):
        knobs["bias"] = m.chance(30)
    if m.chance(20) and knobs["kind"] != "l2" and knobs.get("affine") is not False:
        knobs["offset"] = m.pick([1, 0.5])
        if knobs["kind"] == "layer":
            knobs["bias"] = False
    if m.chance(40):
        return m.pick(["head", "full"])
    return knobs | ({"over": m.pick(["head", "full"])} if m.chance(40) else {})


def _source(m: Maker, x: Val, knobs: dict[str, Any], *, branch: bool) -> Val | None:
    """Another value to attend to: a stream, a mark, a part of the value itself, or what is made
    here, of it or of nothing."""
    if not m.new and m.chance(20):
        return _made(m, x, knobs)
    others = {name: value for name, value in m.values.items() if name not in m.new}
    found: list[tuple[Any, Val]] = [
        (name, value)
        for name, value in others.items()
        if m.readable(name) and (value.batch in (x.batch, ()) or not (x.batch or branch))
    ]  # fmt: skip
    found += [(part.name, x.over(part)) for part in x.parts if len(x.parts) > 1 and not m.new]
    if not found:
        return None
    name, value = m.pick(found)
    part = next((part for part in x.parts if part.name == name), None)
    value = value if part is None else x.over(part)
    knobs["to"] = name
    if m.chance(20):
        step, value = steps.linear(m, value)
        knobs["to"] = [name, step]
    return value


def _made(m: Maker, x: Val, knobs: dict[str, Any]) -> Val:
    if m.chance(50):
        step, value = m.pick((steps.linear, steps.act, steps.norm))(m, x)
        knobs["to"] = ["self", step] if m.chance(50) else [step]
        return value
    step, value = steps.learn(m, m.number(1, 6))
    knobs["to"] = step if m.chance(50) else [step]
    return value
