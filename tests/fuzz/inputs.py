"""Random inputs: ids, numbers, flags and images."""

from __future__ import annotations

from tests.fuzz.maker import INPUTS, Maker
from tests.fuzz.values import Part, Val


def declare(m: Maker) -> None:
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
