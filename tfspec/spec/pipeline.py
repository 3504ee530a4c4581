"""Pipelines: a name, a step, or a list of such, each item with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic_core import ValidationError

from tfspec.diagnostics import Rule, Span, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.spec.located import causes, mistyped, stands_under
from tfspec.spec.located_values import LocatedDict, LocatedStr, span_of
from tfspec.spec.merge import STREAM_KEYS
from tfspec.spec.table import no_name
from tfspec.spec.tokens import locate
from tfspec.spec.types import BAD_NAME, NAME, Parsed, check_name, each_of, is_name, link
from tfspec.spec.wrong import NOWHERE, Wrong, recovering, wrong

if TYPE_CHECKING:
    from tfspec.layers.base import Layer

UNKNOWN_STEP = Rule(
    "TS106",
    "an unknown step",
    "A pipeline has a step that the language does not know.",
    "A step that is not understood cannot be left out: the model would be another one.",
    "- atend: {heads: 12}",
    "Correct the name; `tfspec schema` lists all steps.",
)
NOT_ONE_STEP = Rule(
    "TS107",
    "an item that is not one step",
    "An item of a pipeline is a mapping with no key or with several, a number, or nothing.",
    "An item is a name, a step with its knobs `{step: knobs}`, or a list of items.",
    "- {linear: 64, norm: {}}",
    "Write each step as an item of its own; knobs stand one level deeper than their step.",
)


@dataclass(frozen=True, slots=True)
class Ref:
    """A name in a pipeline: an input, a stream, a mark (`stream.mark`), a part, or a block."""

    name: str
    span: Span = field(compare=False, default=NOWHERE)

    @property
    def stream(self) -> str:
        """The name in front of the dot, or the whole name."""
        return self.name.partition(".")[0]

    @property
    def mark(self) -> str | None:
        """The name after the dot, if there is one."""
        return self.name.partition(".")[2] or None


@dataclass(frozen=True, slots=True)
class Series:
    """A list: each item works on what the one before it made."""

    items: tuple[Pipeline, ...]
    span: Span = field(compare=False, default=NOWHERE)

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(self.items)


if TYPE_CHECKING:
    Pipeline = Ref | Series | Layer
    """Something that makes a value: a name, a step, or a series."""


def items(pipeline: Pipeline) -> tuple[Pipeline, ...]:
    """The items of a series; anything else is a series of one."""
    return pipeline.items if isinstance(pipeline, Series) else (pipeline,)


def last_place(pipeline: Pipeline) -> Span:
    """The place of the name of the last item, which makes the pipeline's value."""
    last = items(pipeline)[-1]
    return last.span if isinstance(last, Ref | Series) else last.name_span


block_names: ContextVar[Collection[str]] = ContextVar("block_names", default=())
"""The blocks of the spec that is read, for what is said of a block that is used as a step."""

HOLE = Ref("")
"""What stands for an item that is wrong, where validation goes on behind a mistake."""


def check_pipeline(value: Any) -> Pipeline:
    """A pipeline from what is written. Raises Wrong, with all that is wrong in it."""
    try:
        return _pipeline(value)
    except Wrong:
        if recovering.get():
            return HOLE
        raise


def _pipeline(value: Any) -> Pipeline:
    from tfspec.layers.base import Layer

    if isinstance(value, Ref | Series | Layer):
        return value
    if isinstance(value, str):
        return _name(value)
    if isinstance(value, list | tuple):
        return _series(cast("list[Any]", value))
    if isinstance(value, dict) and len(cast("dict[str, Any]", value)) == 1:
        return _step(cast("dict[str, Any]", value))
    raise _not_one_step(value)


def _name(value: str) -> Pipeline:
    from tfspec.layers.base import find_step

    layer = find_step(value)
    if layer:
        return make_layer(layer, _bare(value), span_of(value))
    stream, dot, mark = value.partition(".")
    if dot:
        _check_part(value, stream, 0)
        _check_part(value, mark, len(stream) + 1)
        return Ref(str(value), locate(value).span)
    if not is_name(value):
        raise _no_item(value)
    return Ref(str(check_name(value)), locate(value).span)


def _no_item(value: str) -> Wrong:
    """What to say of a text that is no name, where an item of a pipeline should be."""
    from tfspec.layers.base import find_step

    word = value.split()[0] if value.split() else ""
    helps = ["an item is a name, or a step with its knobs: `linear: 8`"]
    if find_step(word):
        helps = [f"a step with knobs has a colon: `{word}: ...`"]
    return wrong(BAD_NAME, no_name(value), span_of(value), helps=helps)


def _check_part(whole: str, name: str, start: int) -> None:
    part = LocatedStr(name)
    part.span, part.content_column = locate(whole).part(start, start + len(name)), None
    check_name(part)


def _bare(value: str) -> LocatedDict:
    """The knobs of a step that is written as its name only: none, at that place."""
    knobs = LocatedDict()
    knobs.span, knobs.key_spans, knobs.value_spans = locate(value).span, {}, {}
    return knobs


def _series(value: list[Any]) -> Series:
    if not value:
        raise wrong(NOT_ONE_STEP, "an empty list makes no value", span_of(value))
    return Series(each_of(value, check_pipeline), span_of(value) or NOWHERE)


def _step(value: dict[str, Any]) -> Layer:
    from tfspec.layers.base import find_step

    (name, knobs), *_ = value.items()
    layer = find_step(name)
    if layer is None:
        raise _unknown_step(name, getattr(value, "key_spans", {}).get(name))
    span = getattr(value, "value_spans", {}).get(name)
    if knobs is None:
        message = f"{quoted(name)} has no knobs here"
        raise wrong(NOT_ONE_STEP, message, span, helps=(f"write {quoted(name)} without the colon",))
    made = make_layer(layer, knobs, span)
    stands_under(made, getattr(value, "key_spans", {}).get(name, made.span))
    return made


def make_layer(layer: type[Layer], knobs: Any, span: Span | None) -> Layer:
    """A layer with these knobs. Raises Wrong."""
    try:
        return layer.model_validate(knobs)
    except ValidationError as error:
        raise Wrong(
            found for cause in causes(error) for found in cause.about(layer.step, span)
        ) from None


def _unknown_step(name: str, span: Span | None) -> Wrong:
    from tfspec.layers.base import steps

    near = nearest(name, steps())
    helps = (f"did you mean {quoted(near)}?",) if near else _knob_of(name)
    if name in block_names.get():
        helps = (f"{quoted(name)} is a block: `stack: {{of: {name}, depth: 2}}` repeats it",)
    return wrong(UNKNOWN_STEP, f"there is no step {quoted(name)}", span, helps=helps)


_MOST = 2


def _knob_of(name: str) -> tuple[str, ...]:
    """Where a knob belongs that stands for a step, if in one or two places."""
    from tfspec.layers.base import steps

    if name in STREAM_KEYS:
        return (f"{quoted(name)} is a knob of a stream: `text: {{do: [...], {name}: ...}}`",)
    having = [quoted(step) for step, layer in steps().items() if name in layer.known_keys()]
    return (f"it is a knob of {' and of '.join(having)}",) if 0 < len(having) <= _MOST else ()


def _not_one_step(value: Any) -> Wrong:
    message = "a pipeline is a name, a step with its knobs, or a list of these"
    given = cast("dict[str, Any]", value if isinstance(value, dict) else {})
    helps = ()
    if given:
        keys = ", ".join(map(quoted, given))
        message = f"one item has one step, and here stand {keys}"
        helps = (_apart(given),)
    return wrong(NOT_ONE_STEP, message, span_of(cast("object", value)), helps=helps)


def _apart(given: dict[str, Any]) -> str:
    """How several keys of one item are meant: knobs below their step, or a step each."""
    from tfspec.layers.base import find_step

    first, *others = given
    if find_step(first) and given[first] is None and not any(map(find_step, others)):
        return f"indent {', '.join(map(quoted, others))} deeper: they are knobs of {quoted(first)}"
    layer = find_step(first)
    if layer and {*others} <= {*layer.known_keys()} and not any(map(find_step, others)):
        short = isinstance(given[first], str | int) and layer.shorthand
        begun = f"{layer.shorthand}: {given[first]}" if short else "..."
        whose = "is a knob" if len(others) == 1 else "are knobs"
        said = f"`{first}: {{{begun}, {others[0]}: ...}}`"
        return f"{', '.join(map(quoted, others))} {whose} of {quoted(first)}: {said}"
    if {*others} <= STREAM_KEYS:
        return _knob_of(others[0])[0]
    lines = {span.line for span in getattr(given, "key_spans", {}).values()}
    return "write each with a dash of its own" if len(lines) > 1 else "write each in its own braces"


def check_pipelines(value: Any) -> tuple[Pipeline, ...]:
    """A list of pipelines, at least one. Raises Wrong."""
    if isinstance(value, list | tuple) and value:
        return each_of(cast("list[Any]", value), check_pipeline)
    raise mistyped(value if value else None, "takes a list of pipelines")


def check_source(value: Any) -> Ref:
    """The name of an input, a stream or a mark. Raises Wrong."""
    if isinstance(value, Ref):
        return value
    found = _name(value) if isinstance(value, str) else None
    if isinstance(found, Ref):
        return found
    raise mistyped(value, "takes the name of an input, a stream or a mark")


if not TYPE_CHECKING:
    Pipeline = Annotated[Any, Parsed(check_pipeline, link("Pipeline"))]
    """Something that makes a value: a name, a step, or a series."""

_LIST: dict[str, Any] = {"type": "array", "items": link("Pipeline"), "minItems": 1}
_SOURCE: dict[str, Any] = {"type": "string", "pattern": f"^{NAME}(\\.{NAME})?$"}

Pipelines = Annotated[tuple[Pipeline, ...], Parsed(check_pipelines, _LIST)]
"""Several pipelines that read the same value."""
Source = Annotated[Ref, Parsed(check_source, _SOURCE)]
"""The name of an input, a stream or a mark."""
