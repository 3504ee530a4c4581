"""Dims that two specs call differently: each stands wherever the other does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from tfspec.graph.graph import Graph
from tfspec.passes.diff.align import Pair, align
from tfspec.passes.diff.knobs import Group, Knob
from tfspec.passes.diff.steps import Step, Steps

Names = Mapping[str, str]
_WORD = re.compile(r"[A-Za-z_]\w*")
_VALUE = re.compile(r" = [-+.\de]+")  # what an expression comes to, behind it


def paired(a: Mapping[str, object], b: Mapping[str, object]) -> dict[str, str]:
    """Streams by name; those left over in order, since a stream may be called anything."""
    left, free = [name for name in a if name not in b], [name for name in b if name not in a]
    return {name: name for name in a if name in b} | dict(zip(left, free, strict=False))


def renames(a: Steps, b: Steps) -> dict[str, str]:
    """The dims of A that B has under another name, by that name."""
    own, others = (_only(one.graph, other.graph) for one, other in ((a, b), (b, a)))
    if not own or not others:
        return {}
    uses: list[Counter[str]] = [Counter(), Counter()]
    shared: Counter[tuple[str, str]] = Counter()
    for one, other in _texts(a, b):
        places = _places(one, own), _places(other, others)
        for found, (_, names) in zip(uses, places, strict=True):
            found.update(names)
        if places[0][0] == places[1][0]:
            shared.update(zip(places[0][1], places[1][1], strict=True))
    return {x: y for (x, y), count in shared.items() if count == uses[0][x] == uses[1][y]}


def _only(graph: Graph, other: Graph) -> frozenset[str]:
    return frozenset(graph.spec.dims.keys() - other.spec.dims.keys())


def _places(text: str, dims: frozenset[str]) -> tuple[str, list[str]]:
    """The text with a blank for each of the dims, and these in order."""
    names = [word for word in _WORD.findall(text) if word in dims]
    return _WORD.sub(lambda word: "?" if word[0] in dims else word[0], text), names


# ---- what stands beside what
def _texts(a: Steps, b: Steps) -> Iterator[tuple[str, str]]:
    """Texts of both that may name dims, those side by side that stand in one place."""
    for tables in (_declared(a), _declared(b)), (_inputs(a), _inputs(b)), (_rest(a), _rest(b)):
        yield from _beside(*tables)
    for one, other in (a.streams, b.streams), (a.outputs, b.outputs):
        names = paired(one, other)
        for name, steps in one.items():
            yield from _within(align(steps, other[names[name]] if name in names else []))
        for name in other.keys() - set(names.values()):
            yield from _within(align([], other[name]))


def _declared(steps: Steps) -> dict[str, str]:
    return {name: str(dim) for name, dim in steps.graph.spec.dims.items()}


def _inputs(steps: Steps) -> dict[str, str]:
    return {name: str(each) for name, each in steps.graph.spec.inputs.items()}


def _rest(steps: Steps) -> dict[str, str]:
    spec = steps.graph.spec
    init = {} if spec.init is None else {"init": steps.reader.knob(spec.init, {})}
    return {"assume": ", ".join(map(str, spec.assume or ())), **dict(_knobs(init))}


def _within(pairs: Sequence[Pair]) -> Iterator[tuple[str, str]]:
    for one, other in pairs:
        knobs = ({} if step is None else dict(_knobs(step.knobs)) for step in (one, other))
        yield from _beside(*knobs)
        yield from _within(align(*(() if step is None else step.inner for step in (one, other))))


def _beside(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    names = paired(a, b)
    for name, text in a.items():
        yield text, b[names[name]] if name in names else ""
    yield from (("", b[name]) for name in b.keys() - set(names.values()))


def _knobs(knobs: Mapping[str, Knob]) -> Iterator[tuple[str, str]]:
    """Each knob by its dotted name, as a text that has the name too: that may be an axis."""
    for name, knob in knobs.items():
        if isinstance(knob, Group):
            yield from ((f"{name}.{n}", f"{name}.{text}") for n, text in _knobs(knob.knobs))
        elif not knob.default:
            yield name, f"{name}: {_VALUE.sub('', knob.text)}"


# ---- one spec in the other's names
def renamed(value: Any, names: Names) -> Any:
    """The same with the dims called otherwise, whatever it is made of."""
    match value:
        case str():
            return _WORD.sub(lambda word: names.get(word[0], word[0]), value)
        case tuple() | frozenset():
            made = (renamed(each, names) for each in cast("tuple[object, ...]", value))
            return tuple(made) if isinstance(value, tuple) else frozenset(made)
        case _ if is_dataclass(value) and not isinstance(value, type):
            told = {
                f.name: renamed(getattr(value, f.name), names) for f in fields(value) if f.compare
            }
            return replace(value, **told)
        case _:
            return value


def renamed_step(step: Step, names: Names) -> Step:
    """A step that compares as if its spec had the other's names; its texts are its own."""
    inner = tuple(renamed_step(each, names) for each in step.inner)
    return replace(step, knobs=_renamed_knobs(step.knobs, names), inner=inner)


def _renamed_knobs(knobs: Mapping[str, Knob], names: Names) -> dict[str, Knob]:
    return {names.get(name, name): renamed_knob(knob, names) for name, knob in knobs.items()}


def renamed_knob(knob: Knob, names: Names) -> Knob:
    if isinstance(knob, Group):
        return replace(knob, knobs=_renamed_knobs(knob.knobs, names))
    return replace(knob, written=renamed(knob.written, names))
