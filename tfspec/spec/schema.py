"""A whole spec as models: its sections, blocks, streams, expectations and initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field

from tfspec.diagnostics import Rule
from tfspec.layers.base import steps
from tfspec.layers.norm import NormKnobs
from tfspec.layers.residual import ResidualKnobs
from tfspec.spec.declare import DimField, InputField
from tfspec.spec.expression import NOT_WHOLE, OUT_OF_RANGE
from tfspec.spec.located import Located, mistyped, only, unknown_choice
from tfspec.spec.located_values import LocatedStr, span_of
from tfspec.spec.merge import STREAM_KEYS
from tfspec.spec.parts import ShareField
from tfspec.spec.pipeline import Pipeline, Series, check_pipeline, items
from tfspec.spec.predicate import Predicate
from tfspec.spec.tokens import locate
from tfspec.spec.types import (
    AxisNames,
    Flag,
    Name,
    Parsed,
    Rate,
    Table,
    Text,
    check_predicate,
    each_of,
    link,
)
from tfspec.spec.wrong import wrong

VERSION = 1
MAX_TITLE = 100

BAD_VERSION = Rule(
    "TS108",
    "an unknown version of the language",
    f"`tfspec` is not {VERSION}.",
    "The number says in which version of the language a spec is written.",
    "tfspec: 2",
    f"Write `tfspec: {VERSION}`, or use a newer tfspec.",
)
BAD_TITLE = Rule(
    "TS109",
    "an empty or very long name of a spec",
    f"The spec's `name` is empty, or longer than {MAX_TITLE} characters.",
    "It stands in titles and in the emitted file.",
    "name: ''",
    "Give a short name.",
)


def check_branches(value: Any) -> tuple[Pipeline, ...]:
    """The branches of a block: the items of its `do`. Raises Wrong."""
    return items(check_pipeline(value))


_PIPELINE = link("Pipeline")
Branches = Annotated[tuple[Pipeline, ...], Parsed(check_branches, _PIPELINE)]


class BlockDecl(Located):
    """A residual block: a series of branches, each added to what it reads.

    A branch: take its parts, pre norm, steps, out norm, layerscale, gate, scale, drop path; add
    to those parts; post norm. Parts that it does not name pass unchanged.
    """

    called: ClassVar[str] = "a block"

    extends: Name | None = Field(None, description="the block whose keys this one changes")
    do: Branches = Field(description="the branches: each a step, or a list of steps")
    norm: NormKnobs | None = Field(None, description="the norm of every branch")
    residual: ResidualKnobs | None = Field(None, description="how branches are added")
    bias: Flag | None = Field(None, description="default of the linear maps' biases: true")
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    @classmethod
    def suggestions(cls) -> list[str]:
        return [*cls.known_keys(), *steps()]


Block = Series | BlockDecl
"""A list block, which is a plain series to reuse, or a residual block."""


def check_block(value: Any) -> Block:
    """A block from what is written. Raises Wrong."""
    if isinstance(value, Series | BlockDecl):
        return value
    if isinstance(value, list):
        series = check_pipeline(cast("list[Any]", value))
        assert isinstance(series, Series)
        return series
    if not isinstance(value, dict):
        raise mistyped(value, "takes a list of steps, or a mapping with `do`")
    return BlockDecl.read(cast("dict[str, Any]", value))


_BLOCK: dict[str, Any] = {"anyOf": [{"type": "array", "items": _PIPELINE}, link("BlockDecl")]}
BlockField = Annotated[Block, Parsed(check_block, _BLOCK)]


class StreamDecl(Located):
    """A pipeline that carries a value."""

    called: ClassVar[str] = "a stream"

    do: Pipeline = Field(description="the pipeline")
    per: AxisNames | None = Field(None, description="axes that are batch in this whole stream")
    freeze: Flag | None = Field(
        None,
        description="true: its weights are not trained, nor where an output shares them; dropout "
        "in it stays as the model's `train()` and `eval()` have it (Alayrac et al. 2022)",
    )

    @classmethod
    def spread(cls, value: Any) -> Any:
        given = cast("dict[str, Any]", value if isinstance(value, dict) else {})
        return given if given.keys() & STREAM_KEYS else only("do", value)

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [_PIPELINE]


_UNITS = {"k": "e3", "m": "e6", "b": "e9", "g": "e9", "t": "e12"}


def _spelled(value: Any) -> tuple[str, ...]:
    """An amount with a letter for its power of ten, as it is written here."""
    text = str(value).replace("_", "")
    number, power = text[:-1], _UNITS.get(text[-1:].lower())
    return (f"write `{number}{power}`",) if power and number.replace(".", "", 1).isdigit() else ()


def check_amount(value: Any) -> int:
    """A whole number from 0 on, which may be written as 120e6. Raises Wrong."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise mistyped(value, "takes a number such as 124439808 or 120e6", _spelled(value))
    if value < 0 or value > 2**80:
        message = f"an amount is from 0 to 2**80, and {value} is not"
        raise wrong(OUT_OF_RANGE, message, span_of(value))
    if value != int(value):
        raise wrong(NOT_WHOLE, f"an amount is whole, and {value} is not", span_of(value))
    return int(value)


Amount = Annotated[int, Parsed(check_amount, {"type": "number", "minimum": 0})]


class Expect(Located):
    """What must come out: equalities, and budgets. Skipped where a dim is set from outside."""

    called: ClassVar[str] = "`expect`"

    params: Amount | None = Field(None, description="number of parameters")
    max_params: Amount | None = Field(None, description="at most so many parameters")
    active_params: Amount | None = Field(None, description="parameters that one token uses")
    max_active_params: Amount | None = Field(
        None, description="at most so many parameters that one token uses"
    )
    flops: Amount | None = Field(
        None, description="FLOPs of one forward pass at batch 1, every range at its end"
    )
    max_flops: Amount | None = Field(None, description="at most so many of these FLOPs")
    cache_bytes_per_token: Amount | None = Field(
        None, description="bytes of the cache for every token at batch 1, in bf16"
    )
    max_cache_bytes_per_token: Amount | None = Field(
        None, description="at most so many of these bytes"
    )
    peak_bytes: Amount | None = Field(
        None,
        description="bytes at the fullest moment of a training step at batch 1, every range at "
        "its end, in bf16 with AdamW: weights, gradients, states and activations",
    )
    max_peak_bytes: Amount | None = Field(None, description="at most so many of these bytes")


ZEROS = ("gate", "modulate", "linear")
"""Whose maps may start at 0."""


def check_zeros(value: Any) -> tuple[LocatedStr, ...]:
    """`gate`, `modulate` or `linear`, maybe of a stream, an output or a block: `image.linear`.

    Or a list of these. Raises Wrong.
    """
    if isinstance(value, list | tuple):
        return each_of(cast("list[Any]", value), _zero)
    return (_zero(value),)


def _zero(value: Any) -> LocatedStr:
    if not isinstance(value, str):
        raise mistyped(value, "takes `gate`, `modulate`, `linear` or a list of these")
    found = locate(value)
    place, dot, step = found.rpartition(".")
    if step not in ZEROS or (dot and not place):
        raise unknown_choice(found, [f"{place}{dot}{each}" if place else each for each in ZEROS])
    return found


_ZERO: dict[str, Any] = {
    "anyOf": [{"enum": list(ZEROS)}, {"type": "string", "pattern": rf"^\w+\.({'|'.join(ZEROS)})$"}]
}
Zeros = Annotated[
    tuple[LocatedStr, ...],
    Parsed(check_zeros, {"anyOf": [_ZERO, {"type": "array", "items": _ZERO}]}),
]


class Init(Located):
    """How weights start; without it, as torch's own layers do."""

    called: ClassVar[str] = "`init`"

    kind: Literal["normal", "truncated", "xavier", "fan_in", "torch"] = Field(
        "normal",
        description="normal, truncated (at 2 std), xavier, "
        "fan_in (normal, by the number of inputs to the power of -0.5), or torch's own",
    )
    std: Rate | None = Field(
        None, description="standard deviation of normal and truncated; a factor of fan_in's, or 1"
    )
    residual: Rate | None = Field(
        None, description="factor of std for the last map of a branch: (2 * n) ** -0.5 in GPT-2"
    )
    embed: Rate | None = Field(None, description="standard deviation of tables; default: std")
    bias: Literal["zeros", "torch"] | None = Field(None, description="how biases start")
    zeros: Zeros | None = Field(
        None,
        description="linear maps that start at 0: gate, of the `from` of gates; modulate, of "
        "norms; linear, of steps; of a stream, an output or a block alone: image.linear "
        "(Peebles and Xie 2022)",
    )

    def effective(self, bias: bool) -> Mapping[str, object]:
        found = self.unwritten(bias="torch", residual=1)
        if self.kind == "fan_in":
            return {**found, **self.unwritten(std=1)}
        return found if self.std is None else {**found, **self.unwritten(embed="std")}


def check_version(value: Any) -> int:
    """1. Raises Wrong."""
    if value == VERSION and not isinstance(value, bool | float):
        return VERSION
    message = f"this is tfspec's language version {VERSION}, and the spec is of another"
    raise wrong(BAD_VERSION, message, span_of(value), helps=(f"write `tfspec: {VERSION}`",))


def check_title(value: Any) -> str:
    """The name of a spec. Raises Wrong."""
    if not isinstance(value, str):
        raise mistyped(value, "takes a text")
    if value.strip() and len(value) <= MAX_TITLE:
        return value
    message = f"the name of a spec has from 1 to {MAX_TITLE} characters"
    raise wrong(BAD_TITLE, message, span_of(value))


def check_assumptions(value: Any) -> tuple[Predicate, ...]:
    """A list of predicates over dims. Raises Wrong."""
    if isinstance(value, list | tuple) and value:
        return each_of(cast("list[Any]", value), check_predicate)
    raise mistyped(value or None, "takes a list of comparisons such as `T % 8 == 0`")


Version = Annotated[int, Parsed(check_version, {"const": VERSION})]
Title = Annotated[
    str, Parsed(check_title, {"type": "string", "minLength": 1, "maxLength": MAX_TITLE})
]
Assumptions = Annotated[
    tuple[Predicate, ...],
    Parsed(check_assumptions, {"type": "array", "items": {"type": "string"}, "minItems": 1}),
]


class Spec(Located):
    """A Transformer, completely: dims, inputs, blocks, streams and outputs."""

    called: ClassVar[str] = "a spec"
    keeps_none: ClassVar[frozenset[str]] = frozenset(
        ("dims", "inputs", "blocks", "streams", "outputs", "name", "about", "extends")
    )

    tfspec: Version = Field(description="version of the language: 1")
    name: Title = Field(description="what the model is called")
    about: Text | None = Field(None, description="one line: what it is, and its source")
    extends: Text | None = Field(None, description="the spec that this one changes")
    dims: Table[DimField] = Field(
        default_factory=Table[DimField], description="every size, by name"
    )
    inputs: Table[InputField] = Field(
        default_factory=Table[InputField],
        description="what the model is called with: ids(V) B T, float B 3 H W, bool B T",
    )
    blocks: Table[BlockField] = Field(
        default_factory=Table[BlockField], description="series and residual blocks, to reuse"
    )
    streams: Table[StreamDecl] = Field(
        default_factory=Table[StreamDecl], description="pipelines that carry a value"
    )
    outputs: Table[Pipeline] = Field(description="what the model returns")
    expect: Expect | None = Field(None, description="what must come out: equalities and budgets")
    init: Init | None = Field(None, description="how weights start")
    assume: Assumptions | None = Field(
        None, description="facts about dims to take on where they cannot be proved"
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec (draft 2020-12), for editors."""
    from tfspec.spec.json_schema import json_schema

    return json_schema()
