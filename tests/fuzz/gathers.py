"""Random steps that move over, interleave, choose and replace tokens: conv, zip, take, splice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

from tests.fuzz import predicates, steps
from tests.fuzz.maker import INPUTS, Maker
from tests.fuzz.steps import Made
from tests.fuzz.values import Axis, Part, Val

LABELS = ("r", "s", "a")


def conv(m: Maker, x: Val) -> Made | None:
    """A kernel that fits at every size, along the last axes."""
    if x.single or len(x.parts) > 1 or not x.batch:
        return None
    axes = {axis.name: axis for axis in x.parts[0].axes}
    knobs: dict[str, Any] = {"size": {}, "stride": {}, "pad": {}}
    for name in list(axes)[-m.number(1, len(axes)) :]:
        pad = m.pick([0, 0, 1, 2])
        size = m.number(1, min(3, axes[name].low + 2 * pad))
        stride = m.pick([1, 2, 1, 3])
        knobs["size"][name] = m.size(size)
        if stride > 1 or m.chance(20):
            knobs["stride"][name] = m.size(stride)
        if pad or m.chance(20):
            knobs["pad"][name] = pad
        axes[name] = _moved(axes[name], size, stride, pad)
    width = m.number(1, 6)
    made = {key: value for key, value in knobs.items() if value} | {"width": m.size(width)}
    if m.chance(30):
        made["bias"] = m.chance(50)
    m.weight += 9 * width * x.width
    part = replace(x.parts[0], axes=tuple(axes.values()))
    return {"conv": made}, x.over(part).wide(width)


def _moved(axis: Axis, size: int, stride: int, pad: int) -> Axis:
    """The axis of the places of a kernel; tables over it are not drawn: it has no top."""
    low = (axis.low + 2 * pad - size) // stride + 1
    return Axis(axis.name, f"conv({axis.size}, {size}, {stride}, {pad})", low, None)


def zipped(m: Maker, x: Val) -> Made | None:
    """Values over x's tokens in turns."""
    from tests.fuzz.combined import operand

    count = m.number(1, 3)
    first, value = operand(m, x, None)
    rest = [operand(m, x, value.width)[0] for _ in range(count - 1)]
    labels = LABELS[:count]
    name = m.name(("slot_", "turn", "Z", "lane"))
    axis = Axis(name, str(count), count, count, count, labels)
    parts = tuple(replace(part, axes=(*part.axes, axis)) for part in value.parts)
    made = {"zip": {name: dict(zip(labels, (first, *rest), strict=True))}}
    return made, value.over(*parts)


def take_place(m: Maker, x: Val) -> Made | None:
    """An index or a label of one or two axes of any parts."""
    at: dict[str, Any] = {}
    for _ in range(m.pick([1, 1, 2])):
        names = [name for name in _axes(x) if name not in at]
        if not names:
            break
        name = m.pick(names)
        at[name] = _place(m, x, name)
        kept = [part for part in x.parts if any(axis.name == name for axis in part.axes)]
        x = x.over(*(_without(part, name) for part in kept))
    return ({"take": at}, x) if at else None


def _axes(x: Val) -> list[str]:
    return list(dict.fromkeys(axis.name for part in x.parts for axis in part.axes))


def _without(part: Part, name: str) -> Part:
    return replace(part, axes=tuple(axis for axis in part.axes if axis.name != name))


def _place(m: Maker, x: Val, name: str) -> Any:
    """What every part's axis of this name has at every size."""
    axes = [axis for part in x.parts for axis in part.axes if axis.name == name]
    if axes[0].labels and m.chance(70):
        return m.pick(axes[0].labels)
    low = min(axis.low for axis in axes)
    return m.pick([0, -1, low - 1, -low])


def take_found(m: Maker, x: Val) -> Made | None:
    """The first or last token of which a condition is true, in each row."""
    if not x.batch or len(x.parts) > 1 or len(x.parts[0].axes) != 1:
        return None
    condition = _condition(m, x)
    axis = x.parts[0].axes[0].name
    if condition is None:
        return None
    which = m.pick(["first", "last"])
    return {"take": {axis: f"{which}({condition})"}}, x.over(Part(x.parts[0].name))


def take_at(m: Maker, x: Val) -> Made | None:
    """The tokens at positions that an input has, which may lack batch axes, or have one more."""
    if x.single or not {*x.batch} <= {*m.batches}:
        return None
    own = (
        x.batch
        if x.batch and m.chance(70)
        else m.pick([tuple(m.batches), x.batch[1:], x.batch[:1]])
    )
    axes = tuple(dict.fromkeys(m.axis() for _ in range(m.pick([1, 1, 2, 0]))))
    if not own and not axes:
        return None
    name = m.name(INPUTS)
    words = [*own, *(axis.name for axis in axes)]
    m.tree["inputs"][name] = " ".join([f"ids({_positions(m, x)})", *words])
    batch = max(own, x.batch, key=len)
    return {"take": name}, replace(x.over(Part(name, axes)), batch=batch)


def _positions(m: Maker, x: Val) -> str:
    """How many positions there are: as many as tokens, or as many as there are at the least."""
    least = sum(prod(axis.low for axis in part.axes) for part in x.parts)
    derived = any("conv" in axis.size for part in x.parts for axis in part.axes)
    if derived or m.chance(30):
        return str(m.pick([least, 1]))
    products = (" * ".join(f"({axis.size})" for axis in part.axes) for part in x.parts)
    return " + ".join(product or "1" for product in products)


def _condition(m: Maker, x: Val) -> str | None:
    """A predicate of one token, true of some and false of others."""
    terms = dict(_terms(m, x))
    if not terms:
        return None
    name = m.pick(list(terms))
    made = terms.pop(name)
    read = [terms[each] for each in terms if each in m.vocabularies]  # it follows from no other
    if not read or m.chance(50):
        return made
    other = m.pick(read)
    return m.pick([f"{made} and {other}", f"{made} or {other}", f"{other} and not {made}"])


def _terms(m: Maker, x: Val) -> Iterator[tuple[str, str]]:
    """Comparisons by what is compared: some tokens are such and others are not."""
    numbers = predicates.numbers_of(m, "query", x, indexed=True, ordered=True)
    for name in (each.removeprefix("query.") for each in numbers):
        if name in m.vocabularies:
            known = m.number(0, m.vocabularies[name] - 1)
            yield name, m.pick([f"{name} == {known}", f"{name} != {known}", f"{name} % 2 == 1"])
        elif _few(x) or any(_short(axis) for part in x.parts for axis in part.axes):
            continue
        else:
            forms = ("{0} == 1", "{0} < 2", "abs({0} - 1) < 1", "{0} % 2 == 0")
            yield name, m.pick(forms).format(name)


def _few(x: Val) -> bool:
    """Whether it is one token or two: all of them have an index below 2."""
    return len(x.parts) < 3 and not any(part.axes for part in x.parts)


def _short(axis: Axis) -> bool:
    """Whether it may be too short at all sizes for some tokens to be told from others."""
    return "conv" in axis.size or (axis.top or 9) < 3


def splice(m: Maker, x: Val) -> Made | None:
    """One learned token wherever a condition holds, or another value's tokens in order."""
    if x.single:
        return None
    flag = _flag(m, x)
    condition = flag if flag and m.chance(60) else _condition(m, x)
    if condition is None:
        return None
    others = [n for n, v in m.values.items() if v.width == x.width and v.batch == x.batch
              and not v.single and m.readable(n)]  # fmt: skip
    if others and condition != flag and len(x.batch) == 1 and m.chance(60):
        return {"splice": {"at": condition, "from": m.pick(others)}}, x
    return {"splice": {"at": condition, "from": {"learn": {"width": x.width}}}}, x


def _flag(m: Maker, x: Val) -> str | None:
    """A bool input with one flag for each token, in the tokens' own order."""
    axes = x.parts[0].axes if len(x.parts) == 1 else ()
    found = [n for n, (batch, axis) in m.flags.items() if batch == x.batch and (axis,) == axes]
    return m.pick(found) if found else None


def similarity(m: Maker, x: Val) -> dict[str, Any] | None:
    """Every row of x with every row of another value: what a batch is wide, so that it is last."""
    others = [n for n, v in m.values.items() if v.width == x.width and m.readable(n)
              and (v.batch or not v.single)]  # fmt: skip
    if not others or not (x.batch or not x.single):
        return None
    knobs: dict[str, Any] = {"to": m.pick(others)}
    if m.chance(50):
        knobs["scale"] = m.pick(["exp", {"kind": "exp", "start": 2.5}])
    if m.chance(40):
        knobs["bias"] = m.pick([-1, 0.5])
    return {"similarity": knobs}


def along(m: Maker, x: Val) -> Any | None:
    """A value that lacks some of the axes of x's one part: in a sum it is repeated along them."""
    if len(x.parts) > 1:
        return None
    axes = x.parts[0].axes
    fitting = [n for n, v in m.values.items() if m.readable(n) and v.batch == x.batch
               and len(v.parts) == 1 and v.parts[0].axes != axes
               and v.parts[0].axes == tuple(a for a in axes if a in v.parts[0].axes)]  # fmt: skip
    if not fitting:
        return None
    name = m.pick(fitting)
    if m.values[name].width == x.width:
        return name
    return [name, steps.linear(m, m.values[name], x.width)[0]]


def inside(m: Maker) -> tuple[str, Val, list[str]] | None:
    """An input as a stream sees it that runs per some axes of it, its numbers as they lie."""
    found = [n for n, v in m.values.items() if n in m.tree["inputs"] and len(v.parts[0].axes) > 0]
    if not found:
        return None
    name = m.pick(found)
    value = m.values[name]
    axes = value.parts[0].axes
    per = [axis.name for axis in axes if m.chance(40)] or [axes[0].name]
    rest = tuple(axis for axis in axes if axis.name not in per)
    return name, Val((*value.batch, *per), (Part(name, rest),), value.width), per


def outside(x: Val, per: list[str], known: Val) -> Val:
    """The value of such a stream as others see it: those axes first in every part."""
    axes = tuple(axis for axis in known.parts[0].axes if axis.name in per)
    parts = tuple(replace(part, axes=(*axes, *part.axes)) for part in x.parts)
    return Val(known.batch, parts, x.width)
