"""The knobs of a spec as they come to: what is written, and the value where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from tfspec.graph.graph import Graph
from tfspec.layers.base import Layer
from tfspec.spec.expression import Expression, parse_rate
from tfspec.spec.located import Located
from tfspec.spec.parts import Share, Space
from tfspec.spec.pipeline import Pipeline, Ref, Series
from tfspec.spec.predicate import Predicate
from tfspec.spec.tree import real_value
from tfspec.spec.wrong import Wrong

Sizes = Mapping[str, float]


@dataclass(frozen=True)
class Leaf:
    """One knob: its text for a reader, what is written, and the number that it comes to."""

    text: str
    written: object
    value: float | None = None
    default: bool = False
    """Whether it is not written: where the other has no such knob, nothing differs."""
    settled: bool = False
    """Whether another knob leaves no choice here: what differs is told of that one."""

    def same(self, other: Leaf) -> bool:
        """Written alike (then a difference is that of a dim, and told there), or of one value."""
        if self.settled or other.settled:
            return True
        if self.written == other.written or (self.default and other == NONE):
            return True
        if other.default and self == NONE:
            return True
        return self.value is not None and self.value == other.value


@dataclass(frozen=True)
class Group:
    """A mapping of knobs: `norm`, `rope`, the sizes of a window. `text` has what is written."""

    text: str
    knobs: Mapping[str, Knob]


Knob = Leaf | Group
NONE = Leaf("none", "none")


@dataclass(frozen=True)
class Change:
    """A knob of two specs that differs; `a` or `b` is "none" where one has not got it."""

    name: str
    a: str
    b: str


def changes(a: Mapping[str, Knob], b: Mapping[str, Knob], prefix: str = "") -> Iterable[Change]:
    """What differs between two mappings of knobs, by dotted names."""
    for name in dict.fromkeys([*a, *b]):
        one, other = a.get(name, NONE), b.get(name, NONE)
        if isinstance(one, Group) and isinstance(other, Group):
            yield from changes(one.knobs, other.knobs, f"{prefix}{name}.")
        elif isinstance(one, Group) or isinstance(other, Group) or not one.same(other):
            yield Change(f"{prefix}{name}", one.text, other.text)


@dataclass
class Reader:
    """Reads knobs of one spec: its fixed dims are known, and so is the width at a step."""

    graph: Graph
    pipeline: Callable[[Pipeline], Leaf]
    """Describes a knob that holds a pipeline: `to`, `from`."""
    dims: Sizes = field(init=False)

    def __post_init__(self) -> None:
        facts, sizes = self.graph.facts, self.graph.dims
        values = {name: facts.value(size) for name, size in sizes.items()}
        self.dims = {name: float(value) for name, value in values.items() if value is not None}

    def knobs(
        self, model: Located, sizes: Sizes, bias: bool = True, leave: Iterable[str] = ()
    ) -> dict[str, Knob]:
        """Every knob of a mapping, defaults included; `sizes` has `width`, where it is known."""
        values = {
            info.alias or name: getattr(model, name)
            for name, info in type(model).model_fields.items()
            if name not in leave
        }
        found = {name: self.knob(value, sizes, bias) for name, value in values.items()}
        own = dict(sizes)
        for name, value in model.effective(bias).items():
            for known, knob in found.items():
                if isinstance(knob, Leaf) and knob.value is not None:
                    own[known] = knob.value
            if name not in leave:
                written = getattr(model, name, value) is not None
                found[name] = self._effective(value, own, written)
        found = {name: knob for name, knob in found.items() if knob != NONE}
        for name in model.settled():
            if isinstance(knob := found.get(name), Leaf):
                found[name] = replace(knob, settled=True)
        return found

    def knob(self, value: object, sizes: Sizes, bias: bool = True) -> Knob:
        """A value as a knob, whatever the language has as values."""
        match value:
            case None:
                return NONE
            case Expression():
                return self._expression(value, sizes)
            case Ref() | Series() | Layer():
                return self.pipeline(value)
            case Located():
                return self._group(value, sizes, bias)
            case dict():
                named = cast("dict[str, object]", value)
                inner = {name: self.knob(each, sizes, bias) for name, each in named.items()}
                return Group(braces(inner), inner)
            case bool() | int() | float():
                return number(value)
            case Predicate() | Share():
                return word(str(value))
            case Space():
                return Leaf(value.text, value.terms)
            case _:
                return word(_plain(value))

    def _expression(self, value: Expression, sizes: Sizes) -> Leaf:
        if value.constant is not None:
            return number(value.constant)
        known = {**self.dims, **sizes}
        result = _evaluated(value, known)
        text = value.text if result is None else f"{value.text} = {shown(result)}"
        return Leaf(text, value.tree, result)

    def _effective(self, value: object, own: Sizes, written: bool) -> Knob:
        """A default, or another word for what is written: maybe an expression over own knobs."""
        knob = self._text(value, own) if isinstance(value, str) else self.knob(value, own)
        if written or not isinstance(knob, Leaf) or knob == NONE:
            return knob
        return replace(knob, default=True)

    def _text(self, value: str, own: Sizes) -> Leaf:
        try:
            expression = parse_rate(value)
        except Wrong:
            return word(value)
        if not expression.names <= own.keys():
            return word(value)
        if expression.constant is not None:
            return number(expression.constant)
        result = _evaluated(expression, own)
        text = value if result is None else f"{value} = {shown(result)}"
        return Leaf(text, ("default", expression.tree), result)

    def _group(self, model: Located, sizes: Sizes, bias: bool) -> Group:
        knobs = self.knobs(model, sizes, bias)
        return Group(summary(model, knobs), knobs)


def number(value: float) -> Leaf:
    """A number, true or false."""
    if isinstance(value, bool):
        return word(str(value).lower())
    return Leaf(shown(value), value, float(value))


def word(text: str) -> Leaf:
    """A word of the language, which is what it says."""
    return Leaf(text, text)


def shown(value: float) -> str:
    """768, 0.02, 1e-5: as a spec has it."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}".replace("e-0", "e-").replace("e+0", "e")


def summary(model: Located, knobs: Mapping[str, Knob]) -> str:
    """What is written of a mapping, as it might be written: `500000`, `{kind: rms, eps: 1e-5}`."""
    written = {type(model).model_fields[name].alias or name for name in model.model_fields_set}
    given = {name: knob for name, knob in knobs.items() if name in written or name == "kind"}
    if len(given) == 1 and (model.whole or set(given) <= {model.shorthand, "kind"}):
        return next(iter(given.values())).text
    return braces(given)


def braces(knobs: Mapping[str, Knob]) -> str:
    """{H: 7, W: 7}"""
    return f"{{{', '.join(f'{name}: {knob.text}' for name, knob in knobs.items())}}}"


def _plain(value: object) -> str:
    """A value as a word: names as `cls` or `[H, W]`; what has a text of its own shows that."""
    if not isinstance(value, tuple) or "__str__" in vars(type(cast("object", value))):
        return str(cast("object", value))
    listed = cast("tuple[object, ...]", value)
    return str(listed[0]) if len(listed) == 1 else f"[{', '.join(map(str, listed))}]"


def _evaluated(value: Expression, sizes: Sizes) -> float | None:
    """The number that an expression comes to; None where it depends on a range or on the layer."""
    try:
        result = real_value(value.tree, sizes)
    except (KeyError, ArithmeticError, TypeError):
        return None
    return result if isinstance(result, float) and result - result == 0 else None
