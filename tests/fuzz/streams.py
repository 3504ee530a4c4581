"""Random streams: a source, then steps one after the other."""

from __future__ import annotations

from math import prod
from typing import Any

from tests.fuzz import blocks, gathers, modulations, places, steps, tiles
from tests.fuzz.combined import combined
from tests.fuzz.maker import INPUTS, STREAMS, Maker
from tests.fuzz.rounds import rounds
from tests.fuzz.steps import Made
from tests.fuzz.values import Axis, Part, Val
from tests.fuzz.wide import wide

Tree = dict[str, Any]
GATHERS = (gathers.conv, gathers.zipped, gathers.take_place, gathers.take_found, gathers.splice,
           gathers.take_at)  # fmt: skip


def stream(m: Maker) -> None:
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
        item, value = m.pick((steps.learn, steps.learn, steps.zeros))(m, width)
        return [item], value
    name = m.pick(sources)
    return _vectors(m, name, width)


def _vectors(m: Maker, name: str, width: int) -> tuple[list[Any], Val]:
    value = m.values[name]
    if name in m.vocabularies:
        knobs: Tree = {"width": m.size(width)}
        rows = m.vocabularies[name]
        of_one_length = [axis for axis in value.parts[0].axes if axis.low == axis.top]
        per = [axis for axis in of_one_length if m.chance(40)]
        if per and m.chance(60):
            m.rng.shuffle(per)
            knobs["per"] = [axis.name for axis in per] if len(per) > 1 else per[0].name
            rows *= prod(axis.low for axis in per)
        if m.chance(30):
            knobs["share"] = steps.share(m, "table", rows, width)
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
    roll = m.number(0, 25)
    if roll >= 24:
        return m.pick((rounds, wide))(m, x)
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
    return combined(m, x)
