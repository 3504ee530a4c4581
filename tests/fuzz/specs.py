"""Random valid specs in the language as it is supported now: `specs()` is the strategy."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.fuzz import blocks, gathers, modulations, places, steps, tiles
from tests.fuzz.maker import INPUTS, OUTPUTS, STREAMS, Maker
from tests.fuzz.steps import Made
from tests.fuzz.values import Axis, Part, Val

Tree = dict[str, Any]
GATHERS = (gathers.conv, gathers.zipped, gathers.take_place, gathers.take_found, gathers.splice)


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
        _input(m)
    for _ in range(m.number(1, 3)):
        _stream(m)
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


# ---- inputs
def _input(m: Maker) -> None:
    name = m.name(INPUTS)
    batch = tuple(m.batches) if m.chance(60) else (m.batches[0],)
    kind = m.pick(["ids", "ids", "float", "image", "bool"])
    if kind == "image":
        _image(m, name)
        return
    axes = tuple(dict.fromkeys(m.axis() for _ in range(m.pick([1, 1, 1, 0, 2]))))
    words = [*batch, *(axis.name for axis in axes)]
    if kind == "bool":
        if len(axes) == 1:
            m.flags[name] = (batch, axes[0])
        m.tree["inputs"][name] = " ".join(["bool", *words])
        return
    value = Val(batch, (Part(name, axes),), 1)
    if kind == "ids":
        rows = m.number(2, 9)
        m.vocabularies[name] = rows
        m.tree["inputs"][name] = " ".join([f"ids({m.size(rows)})", *_shuffled(m, words)])
    else:
        if m.chance(80):
            value = value.wide(m.number(1, 5))
            words = [*words, f"({m.size(value.width)})"]
        m.tree["inputs"][name] = " ".join(["float", *_shuffled(m, words)])
    m.values[name] = value


def _shuffled(m: Maker, words: list[str]) -> list[str]:
    """Another order of the tensor's axes, sometimes."""
    if len(words) < 2 or m.chance(80):
        return words
    at = m.number(1, len(words) - 1)
    return [*words[at:], *words[:at]]


def _image(m: Maker, name: str) -> None:
    """An input as a convolution takes it: [batch, channels, grid]."""
    count = m.pick([2, 2, 1, 3])
    axes = tuple(dict.fromkeys(m.axis() for _ in range(count)))
    channels = m.number(1, 3)
    words = [m.batches[0], f"({m.size(channels)})", *(axis.name for axis in axes)]
    m.tree["inputs"][name] = " ".join(["float", *words])
    m.values[name] = Val((m.batches[0],), (Part(name, axes),), channels)


# ---- streams
def _stream(m: Maker) -> None:
    name = m.name(STREAMS)
    m.stream = name
    inner = gathers.inside(m) if m.chance(12) else None
    if inner is not None:
        _per_stream(m, name, *inner)
        return
    items, x = _start(m)
    x = x.titled(name)
    for _ in range(m.number(1, 5)):
        made = _step(m, x)
        if made is not None:
            items.append(made[0])
            x = made[1].titled(name)
    m.tree["streams"][name] = items if len(items) > 1 or m.chance(60) else items[0]
    m.values[name] = x
    m.stream = ""


def _per_stream(m: Maker, name: str, read: str, x: Val, per: list[str]) -> None:
    """A stream that runs for each place of some axes of an input; it reads nothing else."""
    known, others = m.values[read], m.values
    m.values = {}
    items: list[Any] = [read]
    if read in m.vocabularies:
        x = x.wide(m.pick(sorted({v for v in m.fixed.values() if v <= 8})))
        items.append({"embed": x.width})
    (flags, m.flags), (rows, m.vocabularies) = (m.flags, {}), (m.vocabularies, {})
    for _ in range(m.number(1, 4)):
        made = _step(m, x.titled(name))
        if made is not None and "mark" not in made[0]:
            items.append(made[0])
            x = made[1].titled(name)
    m.values, m.flags, m.vocabularies = others, flags, rows
    given: Tree = {"do": items, "per": per if len(per) > 1 or m.chance(70) else per[0]}
    m.tree["streams"][name] = given
    m.values[name] = gathers.outside(x, per, known).titled(name)
    m.stream = ""


def _start(m: Maker) -> tuple[list[Any], Val]:
    """A source, and what makes vectors of it."""
    width = m.pick(sorted({v for v in m.fixed.values() if v <= 8}))
    sources = [name for name in m.values if "." not in name]
    if not sources or m.chance(12):
        item, value = steps.learn(m, width)
        return [item], value
    name = m.pick(sources)
    return _vectors(m, name, width)


def _vectors(m: Maker, name: str, width: int) -> tuple[list[Any], Val]:
    value = m.values[name]
    if name in m.vocabularies:
        knobs: Tree = {"width": m.size(width)}
        if m.chance(30):
            knobs["share"] = steps.share(m, "table", m.vocabularies[name], width)
        return [name, {"embed": knobs if len(knobs) > 1 or m.chance(50) else knobs["width"]}], (
            value.wide(width)
        )
    tiles = _tiles(m, name, value) if name in m.tree["inputs"] else None
    if tiles is not None and m.chance(70):
        item, axes = tiles
        knobs = {"size": item, "width": m.size(width)}
        if m.chance(30):
            knobs["bias"] = m.chance(50)
        if len(axes) == 1 and axes[0].size.count("/") == 1 and m.chance(40):
            flag = m.name(INPUTS)
            m.flags[flag] = (value.batch, axes[0])
            m.tree["inputs"][flag] = f"bool {value.batch[0]} {axes[0].size}"
        return [name, {"patch": knobs}], value.over(Part(name, axes)).wide(width)
    return [name], value


def _tiles(m: Maker, name: str, value: Val) -> tuple[Tree, tuple[Axis, ...]] | None:
    """Patch sizes that divide an image's axes for every allowed size."""
    words = m.tree["inputs"][name].split()
    axes = value.parts[0].axes
    if not axes or len(value.batch) != 1 or words[:2] != ["float", value.batch[0]]:
        return None
    if not words[2].startswith("("):
        return None
    sizes: Tree = {}
    tiled: list[Axis] = []
    for axis in axes:
        by = m.pick([n for n in range(1, axis.step + 1) if axis.step % n == 0])
        sizes[axis.name] = m.size(by)
        tiled.append(axis.cut(by))
    return sizes, tuple(tiled)


def _step(m: Maker, x: Val) -> Made | None:
    if m.weight > 20_000:
        return None
    if m.chance(8 if x.width > 1 else 40):
        return modulations.sinusoid(m, x)
    simple = (steps.linear, steps.norm, steps.act, steps.scale, steps.softcap, steps.dropout)
    roll = m.number(0, 23)
    if roll >= 20:
        return m.pick(GATHERS)(m, x)
    if roll < 6:
        return m.pick(blocks.STEPS)(m, x)
    if roll < 10:
        return m.pick(simple)(m, x)
    if roll < 12:
        return m.pick((tiles.merge, tiles.split))(m, x)
    if roll < 18:
        return m.pick((places.pos, steps.prepend, steps.take, steps.mark, steps.pool, places.pos))(
            m, x
        )
    return _combined(m, x)


def _combined(m: Maker, x: Val) -> Made | None:
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


# ---- outputs
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
