"""Random steps: each makes a piece of a spec, and says what value comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fuzz.maker import MARKS, PARTS, SHARES, Maker
from tests.fuzz.values import Axis, Part, Val

ACTS = ["relu", "gelu", "gelu_tanh", "quick_gelu", "silu", "relu2", "tanh", "sigmoid"]
GATED = ["swiglu", "geglu", "reglu"]
Made = tuple[Any, Val]


def norm_knobs(m: Maker, width: int | None = None) -> dict[str, Any]:
    """Knobs of any norm, without its places."""
    knobs: dict[str, Any] = {}
    if m.chance(50):
        knobs["kind"] = m.pick(["layer", "rms", "l2"])
    if m.chance(30):
        knobs["eps"] = m.rate(1e-5, 1e-3, 0.1)
    for flag in ("bias", "affine"):
        if m.chance(20):
            knobs[flag] = m.chance(50)
    if m.chance(15) and knobs.get("kind") != "l2" and knobs.get("affine") is not False:
        knobs["offset"] = m.pick([1, 0.5, 0])
        if knobs.get("kind") != "rms":
            knobs["bias"] = False
    return knobs


def linear(m: Maker, x: Val, width: int | None = None) -> Made:
    wide = width or m.number(1, 8)
    local = m.own is not None and m.chance(8)
    knobs: dict[str, Any] = {"width": m.size(wide, x.width)}
    if m.chance(25):
        knobs["bias"] = m.chance(50)
    if local:
        knobs["share"] = own_share(m, "table", wide, x.width)
    elif m.chance(15):
        knobs["share"] = share(m, "table", wide, x.width)
    m.weight += wide * x.width
    bare = len(knobs) == 1 and m.chance(60)
    return {"linear": knobs["width"] if bare else knobs}, x.wide(wide)


def share(m: Maker, kind: str, *sizes: int | None) -> str:
    """A name for weights: one that fits, or a new one."""
    key = (kind, *sizes)
    fitting = [name for name, known in m.shared.items() if known == key]
    if fitting and m.chance(70):
        return m.pick(fitting)
    free = [name for name in SHARES if name not in m.shared]
    name = m.pick(free) if free else f"shared{len(m.shared)}"
    m.shared[name] = key
    return name


def own_share(m: Maker, *key: object) -> str:
    """A name for weights of a layer's own, which steps of this one block share."""
    assert m.own is not None
    fitting = [known for known in m.own if known[:-1] == key]
    if fitting and m.chance(70):
        return str(m.pick(fitting)[-1])
    m.used.add(name := f"own{len(m.used)}")
    made = f"{name}({m.pick(['i', 'n - i', '2 * i + 1'])})"
    m.own.append((*key, made))
    return made


def norm(m: Maker, x: Val) -> Made:
    from tests.fuzz import modulations

    knobs = norm_knobs(m, x.width)
    if m.chance(12):
        knobs["modulate"] = modulations.source(m, x)
    return ("norm" if not knobs and m.chance(70) else {"norm": knobs}), x


def act(m: Maker, x: Val) -> Made:
    return m.pick(ACTS), x


def scale(m: Maker, x: Val) -> Made:
    return {"scale": m.rate(0.5, 2, -1.5, width=x.width)}, x


def softcap(m: Maker, x: Val) -> Made:
    return {"softcap": m.rate(2.0, 30, width=x.width)}, x


def dropout(m: Maker, x: Val) -> Made:
    return {"dropout": m.pick([0.1, 0, 0.5])}, x


def prepend(m: Maker, x: Val) -> Made | None:
    taken = {part.name for part in x.parts}
    new: list[Any] = []
    parts: list[Part] = []
    for _ in range(m.number(1, 2)):
        free = [n for n in PARTS if n not in taken and n not in m.used and n not in m.tree["dims"]]
        if not free:
            return None
        name = m.pick(free)
        taken.add(name)
        if m.chance(30):
            count = m.number(1, 3)
            new.append({name: m.size(count)})
            parts.append(Part(name, (Axis(name, str(count), count, count, count),)))
        else:
            new.append(name)
            parts.append(Part(name))
    made = new[0] if len(new) == 1 and m.chance(70) else new
    return {"prepend": made}, x.over(*parts, *x.parts)


def take(m: Maker, x: Val) -> Made | None:
    roll = m.number(0, 2)
    if roll == 0 and not x.single:
        from tests.fuzz.gathers import take_place

        return take_place(m, x)
    if len(x.parts) < 2:
        return None
    kept = [part for part in x.parts if m.chance(50)] or [x.parts[0]]
    names = [part.name for part in kept]
    if roll == 1:
        gone = [part.name for part in x.parts if part not in kept]
        if not gone:
            return None
        return {"drop": gone[0] if len(gone) == 1 else gone}, x.over(*kept)
    if m.chance(30):
        kept, names = kept[::-1], names[::-1]
    return {"take": names[0] if len(names) == 1 else names}, x.over(*kept)


def pool(m: Maker, x: Val) -> Made:
    kind, part = m.pick(["mean", "max"]), x.parts[0]
    if len(x.parts) == 1 and part.axes and m.chance(50):
        gone = [axis.name for axis in part.axes if m.chance(50)] or [part.axes[0].name]
        left = tuple(axis for axis in part.axes if axis.name not in gone)
        m.rng.shuffle(gone)
        if left:
            named = gone[0] if len(gone) == 1 else gone
            return {"pool": {kind: named}}, x.over(replace(part, axes=left))
    return {"pool": kind}, x.over(Part(m.stream or "pooled"))


def mark(m: Maker, x: Val) -> Made | None:
    if not m.stream or m.stream == "?":
        return None
    name = m.pick(MARKS)
    full = f"{m.stream}.{name}"
    if full in m.values:
        return None
    m.values[full] = x
    return {"mark": name}, x


def learn(m: Maker, width: int) -> Made:
    """A source of learned tokens."""
    knobs: dict[str, Any] = {}
    axes: list[Axis] = []
    if m.chance(70):
        axis = m.axis()
        if axis.low != axis.top or axis.name not in m.fixed:
            count = m.number(1, 4)
            name = m.name(("Q", "G", "slot_", "Z"))
            axis = Axis(name, str(count), count, count, count)
        knobs["axes"] = {axis.name: axis.size if axis.name in m.fixed else axis.top}
        axes.append(axis)
    knobs["width"] = m.size(width)
    if m.chance(25):
        knobs["share"] = share(m, "tokens", *(axis.top for axis in axes), width)
    return {"learn": knobs}, Val((), (Part(m.stream or "learned", tuple(axes)),), width)


def zeros(m: Maker, width: int) -> Made:
    """A source of zeros: in the space of another value, or in one of their own."""
    others = [name for name in m.values if m.readable(name)]
    if others and m.chance(60):
        name = m.pick(others)
        return {"zeros": name if m.chance(70) else {"like": name}}, m.values[name]
    made, value = learn(m, width)
    knobs = {key: given for key, given in made["learn"].items() if key != "share"}
    return {"zeros": knobs}, value
