"""Random texts that can be decoded: alone, several tokens a place, on a grid, behind other tokens;
and what they may read besides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fuzz import places, steps
from tests.fuzz.gathers import LABELS
from tests.fuzz.maker import INPUTS, LOOSE, STREAMS, Maker
from tests.fuzz.values import Axis, Part, Val

WIDTH = 12
LONGEST = 12
Items = list[Any]


@dataclass(frozen=True)
class Text:
    """How a stream of a text begins, what that makes, and how an output may read it."""

    stream: str
    begins: Items
    value: Val
    read: tuple[Any, ...] = ()


# ---- declarations
def axis(m: Maker, low: int, top: int) -> Axis:
    """A token axis of these sizes."""
    name = m.name(LOOSE)
    m.tree["dims"][name] = low if low == top else f"{low}..{top}"
    if low == top:
        m.fixed[name] = low
    return Axis(name, name, low, top, low if low == top else 1)


def given(m: Maker, kind: str, *axes: Axis, width: int | None = None) -> str:
    """An input of a kind over these axes."""
    name = m.name(INPUTS)
    words = [kind, *m.batches, *(each.name for each in axes)]
    m.tree["inputs"][name] = " ".join([*words, *([f"({width})"] if width else [])])
    return name


def flags(m: Maker, along: Axis) -> None:
    name = given(m, "bool", along)
    m.flags[name] = (tuple(m.batches), along)


def stream(m: Maker, items: Any, *axes: Axis, batch: tuple[str, ...] | None = None) -> str:
    """A stream of these items, which steps may read from here on."""
    name = m.name(STREAMS)
    m.tree["streams"][name] = items
    batch = tuple(m.batches) if batch is None else batch
    m.values[name] = Val(batch, (Part(name, axes),), WIDTH)
    return name


def words(m: Maker, *axes: Axis) -> Items:
    """Ids over the axes, embedded."""
    return [given(m, f"ids({m.number(5, 13)})", *axes), {"embed": WIDTH}]


def features(m: Maker, *axes: Axis) -> Items:
    """Numbers over the axes, mapped to the width."""
    return [given(m, "float", *axes, width=m.number(2, 5)), {"linear": WIDTH}]


# ---- memories
def sentence(m: Maker) -> None:
    """Another text, which may be padded, as an encoder reads it."""
    along = axis(m, 1, 9)
    items = words(m, along)
    flags(m, along)
    name = m.name(STREAMS)
    if m.chance(60):
        flag = next(flag for flag, known in m.flags.items() if known[1] == along)
        items.append({"attend": {"heads": 2, "mask": f"key.{flag}"}})
    m.tree["streams"][name] = items
    m.values[name] = Val(tuple(m.batches), (Part(name, (along,)),), WIDTH)


def frozen(m: Maker) -> None:
    along = axis(m, 1, 9)
    flags(m, along)
    stream(m, {"do": [*features(m, along), "norm"], "freeze": True}, along)


def asking(m: Maker) -> None:
    """Tokens of nothing that ask another memory."""
    rows, along = axis(m, 4, 4), axis(m, 1, 9)
    source = stream(m, features(m, along), along)
    ask = {"heads": 2, "to": source, "pos": {"query": "learned", "key": "sinusoidal"}}
    zeros = {"zeros": {"axes": {rows.name: rows.name}, "width": WIDTH}}
    stream(m, [zeros, {"attend": ask}], rows)


def learned(m: Maker) -> None:
    rows = axis(m, 4, 4)
    stream(m, [{"learn": {"axes": {rows.name: rows.name}, "width": WIDTH}}], rows, batch=())


def frames(m: Maker) -> None:
    """A film, of which each frame is pooled."""
    along, rows, columns = axis(m, 1, 3), axis(m, 2, 2), axis(m, 3, 3)
    pooled = {"pool": {m.pick(["mean", "max"]): [rows.name, columns.name]}}
    stream(m, [*features(m, along, rows, columns), pooled], along)


MEMORIES = (sentence, frozen, asking, learned, frames)


# ---- texts
def alone(m: Maker) -> Text:
    along = axis(m, 1, LONGEST)
    _beside(m, along)
    begins = words(m, along)
    name = m.name(STREAMS)
    return Text(name, begins, Val(tuple(m.batches), (Part(name, (along,)),), WIDTH))


def in_turns(m: Maker) -> Text:
    """Several tokens at each place, of which one kind is ids."""
    along = axis(m, 1, LONGEST)
    _beside(m, along)
    count = m.number(2, 3)
    made = [features(m, along) for _ in range(count)]
    name, turn = m.name(STREAMS), m.name(("slot_", "turn", "Z", "lane"))
    labels = LABELS[:count]
    begins = [{"sum": [{"zip": {turn: dict(zip(labels, made, strict=True))}}, words(m, along)]}]
    turns = Axis(turn, str(count), count, count, count, labels)
    value = Val(tuple(m.batches), (Part(name, (along, turns)),), WIDTH)
    label, pooled = m.pick(labels), {m.pick(["mean", "max"]): turn}
    return Text(name, begins, value, ({"take": {turn: label}}, {"pool": pooled}))


def on_grid(m: Maker) -> Text:
    axes = axis(m, 3, 3), axis(m, 4, 4)
    begins = words(m, *axes)
    name = m.name(STREAMS)
    return Text(name, begins, Val(tuple(m.batches), (Part(name, axes),), WIDTH))


def behind(m: Maker) -> Text:
    """Behind other tokens, of a fixed count: words, patches, learned ones."""
    axes = (axis(m, 3, 3), axis(m, 3, 3)) if m.chance(50) else (axis(m, 1, LONGEST),)
    others = [(axis(m, 3, 3),), (axis(m, 2, 2), axis(m, 2, 2))]
    fronts = [each for each in others if m.chance(60)] or others[:1]
    parts: list[Part] = []
    for front in fronts:
        made = words(m, *front) if len(front) == 1 else features(m, *front)
        parts.append(_part(m, made, *front))
    parts.append(_part(m, words(m, *axes), *axes))
    begins: Items = [{"concat": [part.name for part in parts]}]
    value = Val(tuple(m.batches), tuple(parts), WIDTH)
    first = steps.prepend(m, value) if m.chance(50) else None
    if first is not None:
        begins, value = [*begins, first[0]], first[1]
    return Text(m.name(STREAMS), begins, value, ({"take": parts[-1].name},))


TEXTS: tuple[Callable[[Maker], Text], ...] = (alone, alone, in_turns, on_grid, behind)


def _part(m: Maker, items: Items, *axes: Axis) -> Part:
    """A stream that is a part of the text, and read as nothing else."""
    name = stream(m, items, *axes)
    return m.values.pop(name).parts[0]


def _beside(m: Maker, along: Axis) -> None:
    """What else there is of each of the text's tokens."""
    if m.chance(60):
        flags(m, along)
    for make in (words, features):
        if m.chance(50):
            m.new.add(stream(m, make(m, along), along))


# ---- a text with what it reads
def text(m: Maker) -> Text:
    """A text with its memories, none to two, and maybe a vector that modulates."""
    m.batch()
    for make in m.rng.sample(MEMORIES, m.number(0, 2)):
        make(m)
    if m.chance(40):
        stream(m, features(m))
    made = m.pick(TEXTS)(m)
    m.new.add(made.stream)
    table = places.pos(m, made.value) if m.chance(50) else None
    return made if table is None else Text(made.stream, [*made.begins, table[0]], *_rest(made))


def _rest(made: Text) -> tuple[Val, tuple[Any, ...]]:
    return made.value, made.read
