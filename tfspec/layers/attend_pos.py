"""The knob `pos` of `attend`: what is added before queries and keys are made, and not to values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import Field

from tfspec.diagnostics import Label, Rule, Span
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import placed
from tfspec.layers.combine import as_many_tokens, lacks_axes, plus, vectors
from tfspec.layers.pos import KINDS, Pos
from tfspec.ops.batch import Batch, joint, repeated
from tfspec.spec.located import Located, stands_under
from tfspec.spec.located_values import span_of
from tfspec.spec.pipeline import Pipeline, check_pipeline, last_place, make_layer
from tfspec.spec.types import Parsed, link
from tfspec.spec.wrong import NOWHERE

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.layers.attend import Attend

OTHER_TOKENS = Rule(
    "TS247",
    "positions that do not fit what they are added to",
    "`pos` of an attention is a value of other tokens, or of another width, than the queries or "
    "the keys are made of.",
    "It is added to them, token by token (Carion et al. 2020).",
    "attend: {to: memory, heads: 8, pos: queries}  # 100 queries, and 49 tokens of memory",
    "Say which it belongs to: `pos: {query: queries}`; `linear` changes a width.",
)


class Places(Pos):
    """A table, as the step `pos` adds it: `learned`, or `{sinusoidal: H*W}`."""


def check_positions(value: Any) -> Pipeline:
    """A table by its kind, or a pipeline whose value is added. Raises Wrong."""
    named = isinstance(value, dict) and not {*KINDS}.isdisjoint(cast("dict[str, Any]", value))
    if named or (isinstance(value, str) and value in KINDS):
        span = span_of(cast("object", value))
        made = make_layer(Places, value, span)
        stands_under(made, span or NOWHERE)
        return made
    return check_pipeline(value)


_POSITIONS: dict[str, Any] = {"anyOf": [link("Pos"), link("Pipeline")]}
if TYPE_CHECKING:
    Positions = Pipeline
else:
    Positions = Annotated[Any, Parsed(check_positions, _POSITIONS)]
"""What is added: a table of the step `pos`, or a pipeline's value."""


@dataclass(frozen=True)
class Origins:
    """What queries, keys and values are made of."""

    query: Tensor
    key: Tensor
    value: Tensor

    def each(self, run: Callable[[Tensor], Tensor]) -> Origins:
        """All of them changed alike; what is one stays one."""
        apart = dict.fromkeys((self.query, self.key, self.value))
        changed = {tensor: run(tensor) for tensor in apart}
        return Origins(changed[self.query], changed[self.key], changed[self.value])


class AttendPos(Located):
    """Added before the query and key maps, and not before the values' (Carion et al. 2020).

    softmax(scale · (x + p)·Wq · ((y + r)·Wk)ᵀ)·y·Wv, so that positions say where to look and not
    what is found there. A word or a mapping of the step `pos` is a table over the tokens that it is
    added to; anything else is a pipeline, whose value has those tokens, and is repeated along axes
    and batches that it lacks. In self-attention one that is given to both is added once.
    """

    called: ClassVar[str] = "`pos`"

    query: Positions | None = Field(None, description="added to what makes queries")
    key: Positions | None = Field(None, description="added to what makes keys")

    @classmethod
    def spread(cls, value: Any) -> Any:
        if isinstance(value, dict) and {"query", "key"} & value.keys():
            return cast("dict[str, Any]", value)
        return cast("dict[str, Any]", {"query": value, "key": value})

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [_POSITIONS]

    @property
    def told(self) -> str:
        """What a figure says of it."""
        sides = [name for name, each in (("q", self.query), ("k", self.key)) if each is not None]
        return f"positions in {' and '.join(sides)}"

    def terms(self, g: Builder, layer: Attend, x: Tensor, source: Tensor) -> dict[str, Tensor]:
        """What pipelines give to queries, made of x, and to keys, made of the source."""
        found: dict[str, Tensor] = {}
        for knob, pipeline, to in (("query", self.query, x), ("key", self.key, source)):
            if pipeline is None or isinstance(pipeline, Places):
                continue
            once = knob == "key" and self._added_once(x, source)
            found[knob] = found["query"] if once else _term(g, layer, knob, pipeline, to)
        return found

    def added(self, g: Builder, x: Tensor, source: Tensor, terms: Mapping[str, Tensor]) -> Origins:
        """What queries, keys and values are made of: x and the source, with what was read."""
        once = self._added_once(x, source)
        if source is x:
            batch = joint(x, *terms.values())
            assert batch is not None, "it was read"
            x = source = repeated(x, batch)
        query = _sum(g, self.query, x, terms.get("query"))
        key = query if once else _sum(g, self.key, source, terms.get("key"))
        return Origins(query, key, source)

    def _added_once(self, x: Tensor, source: Tensor) -> bool:
        return source is x and self.query == self.key


def _sum(g: Builder, pipeline: Pipeline | None, x: Tensor, term: Tensor | None) -> Tensor:
    """x with its positions, if it has any."""
    if isinstance(pipeline, Places):
        with placed(pipeline.span):
            return pipeline.forward(g, x)
    if term is None:
        return x
    batch = joint(x, term)
    assert batch is not None, "it was read"
    if lacks_axes(g, _over(batch, term), _over(batch, x)):
        x, term = repeated(x, batch), repeated(term, batch)
    return plus(g, x, term)


def _term(g: Builder, layer: Attend, knob: str, pipeline: Pipeline, x: Tensor) -> Tensor:
    """A pipeline's value, which fits the tokens of x."""
    value, place = vectors(g, "pos", pipeline, x), last_place(pipeline)
    batch = joint(value, x)
    if batch is None:
        raise g.not_yet("`pos` over other batch axes than what it is added to", place)
    if batch != x.space.batch and (layer.window is not None or layer.over is not None):
        beside = "window" if layer.window is not None else "over"
        raise g.not_yet(f"`pos` over more batch axes beside `{beside}`", place)
    whose = {"query": "queries", "key": "keys"}[knob]
    along = lacks_axes(g, _over(batch, value), _over(batch, x))
    if not along and not as_many_tokens(g, x, value):
        message = f"`pos` has other tokens than the {whose} that it is added to"
        raise g.refuse(OTHER_TOKENS, message, _added_to(g, value, x, place), help=_sides(layer))
    if not g.same(value.width, x.width):
        message = f"`pos` is {g.facts.show(value.width)} wide, and what makes the {whose} "
        message += f"is {g.facts.show(x.width)} wide"
        help = [f"end it with `linear: {x.width.ascii()}`, for instance"]
        raise g.refuse(OTHER_TOKENS, message, _added_to(g, value, x, place), help=help)
    return value


def _added_to(g: Builder, value: Tensor, x: Tensor, place: Span) -> Label:
    return Label(place, f"this is {g.shape(value)}, and it is added to {g.shape(x)}")


def _over(batch: Batch, x: Tensor) -> Tensor:
    """The value as if it were repeated along all of these batch axes."""
    return replace(x, space=replace(x.space, batch=batch))


def _sides(layer: Attend) -> list[str]:
    """How to give positions to one side alone, where both get the same ones of a value."""
    both = layer.pos is not None and layer.pos.query == layer.pos.key
    return ["say whose it is: `pos: {query: ..., key: ...}`"] if both and layer.to else []
