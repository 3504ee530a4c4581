"""The step `attend`: attention, by one rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.graph.mask import Mask, without
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.layers.base import Layer
from tfspec.layers.combine import vectors
from tfspec.layers.dropout import checked_rate
from tfspec.layers.heads import Heads, split
from tfspec.layers.norm import NormKnobs, QKNorm
from tfspec.layers.residual import ResidualKnobs
from tfspec.layers.scale import positive
from tfspec.layers.take import kept
from tfspec.ops.attention import Attend as AttendOp
from tfspec.ops.heads import JoinHeads, ToHeads
from tfspec.ops.linear import Linear
from tfspec.spec.located import LATER, Located, mistyped, unknown_choice
from tfspec.spec.parts import ShareField
from tfspec.spec.pipeline import Pipeline, Ref, Series, items
from tfspec.spec.predicate import Causal, Compare, Flag, Within, walk
from tfspec.spec.types import (
    AxisCounts,
    AxisNames,
    AxisSizes,
    Name,
    Parsed,
    PredicateField,
    Rate,
    Size,
    each_of,
    link,
)
from tfspec.spec.types import (
    Flag as FlagField,
)
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

NO_FLAG = Rule(
    "TS225",
    "a flag that no query or key has",
    "A mask reads a bool input whose axes the queries or keys at this place do not have.",
    "A missing flag counts as true, so that one block can serve several streams.",
    "attend: {mask: key.valid}  # in a stream of image regions, where valid is bool B T",
    "Nothing needs mending if the block serves several streams; else name the right flag.",
)
TWO_SIDES = Rule(
    "TS229",
    "a flag of the query or of the key",
    "A mask reads a bool input by its bare name, and queries and keys both have one of its axes.",
    "It would hide keys in the one reading and queries in the other.",
    "attend: {heads: 8, mask: valid}  # valid: bool B T, on tokens over T",
    "Write `key.valid` or `query.valid`.",
)
NOT_SELF = Rule(
    "TS223",
    "an index mask on attention to another value",
    "`causal` or `within` is used where keys come from elsewhere.",
    "They compare positions in one text; queries and keys of two values have none in common.",
    "attend: {to: memory, heads: 8, mask: causal}",
    "Leave it out, or use flags and coordinates.",
)

Map = Literal["q", "k", "v", "out"]
MAPS: tuple[Map, ...] = ("q", "k", "v", "out")


def check_biases(value: Any) -> tuple[Map, ...]:
    """The maps that have a bias: true for all, false for none, or a list. Raises Wrong."""
    if isinstance(value, bool):
        return MAPS if value else ()
    if isinstance(value, list | tuple):
        return each_of(cast("list[Any]", value), _map)
    raise mistyped(value, "takes true, false or a list of q, k, v, out")


def _map(value: Any) -> Map:
    for known in MAPS:
        if value == known:
            return known
    if isinstance(value, str):
        raise unknown_choice(value, list(MAPS))
    raise mistyped(value, "is one of q, k, v, out")


_BIASES: dict[str, Any] = {
    "anyOf": [{"type": "boolean"}, {"type": "array", "items": {"enum": list(MAPS)}}]
}
Biases = Annotated[tuple[Map, ...], Parsed(check_biases, _BIASES)]


class Rope(Located):
    """Rotary positions of queries and keys (Su et al. 2021)."""

    called: ClassVar[str] = "`rope`"
    shorthand: ClassVar[str | None] = "base"

    base: Rate = Field(description="wavelengths grow from 2π to 2π·base")
    partial: Rate | None = Field(None, description="the share of head_dim that turns")
    interleaved: FlagField | None = Field(None, description="pairs are neighbours, not halves")
    scaling: dict[str, Any] | None = Field(None, description="stretching for longer texts")
    over: AxisNames | None = Field(None, description="axes, each with features of its own: [H, W]")


class RelBias(Located):
    """A learned bias by relative position: 2·extent - 1 an axis, or in buckets (T5)."""

    called: ClassVar[str] = "`rel_bias`"
    shorthand: ClassVar[str | None] = "axes"

    axes: AxisNames | None = Field(None, description="axes with a bias for every distance")
    buckets: Size | None = Field(None, description="number of buckets of distances")
    max: Size | None = Field(None, description="the distance from which all share one bucket")
    share: ShareField | None = Field(None, description="weights of this name are the same weights")


class Latent(Located):
    """Low-rank queries, keys and values (DeepSeek-AI 2024)."""

    called: ClassVar[str] = "`latent`"

    q: Size | None = Field(None, description="width of the queries' latent")
    kv: Size = Field(description="width of the latent of keys and values")
    rope: Size | None = Field(None, description="features of a head that turn, beside head_dim")


class AttendPos(Located):
    """Added before the query and key maps, not before the values' (Carion et al. 2020)."""

    called: ClassVar[str] = "`pos`"

    query: Pipeline | None = Field(None, description="added to what makes queries")
    key: Pipeline | None = Field(None, description="added to what makes keys")

    @classmethod
    def spread(cls, value: Any) -> Any:
        if isinstance(value, dict) and {"query", "key"} & value.keys():
            return cast("dict[str, Any]", value)
        return cast("dict[str, Any]", {"query": value, "key": value})

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [link("Pipeline")]


class Attend(Layer):
    """Attention: softmax(scale · q·kᵀ + bias)·v, over the allowed keys (Vaswani et al. 2017).

    `[batch..., queries, width] -> [batch..., queries, width]`. Query axes not in `over` are batch;
    source axes that match them are aligned, the other source axes are the keys. A query with no
    allowed key gives 0. Query-key width: heads · head_dim; value width: heads · v_head_dim.
    """

    step: ClassVar[str] = "attend"
    branch_knobs: ClassVar[frozenset[str]] = frozenset({"norm", "residual"})
    part_fields: ClassVar[frozenset[str]] = frozenset(("to",))

    heads: Size = Field(description="number of query heads")
    kv_heads: Size | None = Field(None, description="number of key and value heads; default heads")
    head_dim: Size | None = Field(None, description="query-key size; default width / heads")
    v_head_dim: Size | None = Field(None, description="value size; default head_dim")
    bias: Biases | None = Field(None, description="biases of the maps; default: the block's")
    scale: Rate | None = Field(None, description="of the scores; default head_dim ** -0.5")
    to: Pipeline | None = Field(None, description="where keys and values come from; default self")
    over: Annotated[AxisNames | None, LATER] = Field(
        None, description="the axes that attend; default all"
    )
    only: Name | None = Field(None, description="the part that asks, and to which the result adds")
    mask: PredicateField | None = Field(None, description="which keys a query sees: causal")
    qk_norm: QKNorm | None = Field(None, description="a norm of queries and keys: head or full")
    softcap: Rate | None = Field(None, description="a smooth bound of the scores")
    sinks: Annotated[FlagField | None, LATER] = Field(
        None, description="one learned score a head that takes weight and gives no value"
    )
    dropout: Rate | None = Field(None, description="of the attention weights")
    rope: Annotated[Rope | None, LATER] = Field(None, description="rotary positions: their base")
    alibi: Annotated[FlagField | None, LATER] = Field(
        None, description="a fixed linear bias by distance (Press et al. 2022)"
    )
    rel_bias: Annotated[RelBias | None, LATER] = Field(
        None, description="a learned bias by relative position: axes or buckets"
    )
    latent: Annotated[Latent | None, LATER] = Field(
        None, description="low-rank queries, keys and values"
    )
    pos: Annotated[AttendPos | None, LATER] = Field(
        None, description="added before the query and key maps"
    )
    window: Annotated[AxisSizes | None, LATER] = Field(
        None, description="exact tiles within which tokens attend: {H: 7, W: 7}"
    )
    shift: Annotated[AxisCounts | None, LATER] = Field(
        None, description="cyclic shift of the tiles: {H: 3, W: 3}"
    )
    norm: NormKnobs | None = Field(None, description="this branch's norm; default: the block's")
    residual: ResidualKnobs | None = Field(
        None, description="this branch's residual rule; default: the block's"
    )
    share: ShareField | None = Field(None, description="weights of this name are the same weights")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        if x.space.single:
            raise g.not_yet("attention of a single token", self.name_span)
        source = x if self.to is None else self._attended(g, x)
        if source.space.single:
            raise g.not_yet("attention to a single token", self.span_of("to"))
        if source.space.batch != x.space.batch:
            raise g.not_yet("attention over different batch axes", self.name_span)
        heads = split(g, self, x)
        if source is x:
            base, kind, doc = "attention", "Attention", "Multi-head self-attention"
        else:
            base, kind, doc = "cross", "CrossAttention", "Multi-head attention to another value"
        values = (x,) if source is x else (x, source)
        return g.child(
            g.name(base), kind, f"{heads.adjective(doc)}.", values,
            lambda v: self._attention(g, heads, v[0], v[1] if len(v) > 1 else None),
            self.share,
        )  # fmt: skip

    def _attended(self, g: Builder, x: Tensor) -> Tensor:
        """A part of the block's value by its bare name, as it stands there; else a pipeline."""
        assert self.to is not None
        ref, *steps = items(self.to)
        whole = x if g.whole.unknown else g.whole
        value = x if ref == Ref("self") else None
        if isinstance(ref, Ref) and whole.space.part(ref.name):
            value = kept(g, whole, [g.part(whole, ref.name, ref.span)])
        if value is not None:
            return g.read(Series(tuple(steps)), value) if steps else value
        return vectors(g, "attend", self.to, x)

    def _attention(self, g: Builder, heads: Heads, x: Tensor, source: Tensor | None) -> Tensor:
        kv = x if source is None else source
        q = self._map(g, heads.heads, heads.head_dim, "q")(x, name="q")
        k = self._map(g, heads.groups, heads.head_dim, "k")(kv, name="k")
        v = self._map(g, heads.groups, heads.v_head_dim, "v")(kv, name="v")
        if self.qk_norm is not None:
            q, k = (self.qk_norm.normalise(g, y, role) for y, role in ((q, "q"), (k, "k")))
        mask, flags = self._mask(g, x, source)
        scale = None if self.scale is None else g.rate(self.scale, x)
        softcap = None if self.softcap is None else positive(g, "softcap", self.softcap, x)
        dropout = 0.0 if self.dropout is None else checked_rate(g, self.dropout, x)
        y = JoinHeads()(AttendOp(mask, flags, scale, softcap, dropout)(q, k, v))
        return Linear(x.width, "out" in self._biases(g), ends_branch=True)(y, name="out")

    def _biases(self, g: Builder) -> tuple[Map, ...]:
        if self.bias is not None:
            return self.bias
        return () if g.defaults.bias is False else MAPS

    def _map(self, g: Builder, heads: Dim, width: Dim, role: Map) -> ToHeads:
        return ToHeads(heads, width, role in self._biases(g), role)

    def _mask(
        self, g: Builder, x: Tensor, source: Tensor | None
    ) -> tuple[Mask | None, tuple[Tensor, ...]]:
        """The mask of the graph, and the inputs that its flags are."""
        if self.mask is None:
            return None, ()
        for node in walk(self.mask.tree):
            if isinstance(node, Causal | Within) and source is not None:
                message = f"`{node}` compares positions, and queries and keys are different values"
                came = [Label(self.span_of("to"), "the keys come from here")]
                help = ["leave it out, or read flags: `mask: key.valid`"]
                raise g.refuse(NOT_SELF, message, node.span, came=came, help=help)
            if isinstance(node, Compare):
                raise g.not_yet("a mask that compares coordinates", self.span_of("mask"))
            if isinstance(node, Within):
                g.size(node.size)
        sides = {"query": x, "key": source or x}
        missing = {f for f in Mask(self.mask.tree).flags if self._is_missing(g, f, sides)}
        tree = without(self.mask.tree, missing)
        if tree is True:
            return None, ()
        if tree is False:
            message = f"`{self.mask}` hides every key here, where a missing flag counts as true"
            raise g.refuse(NO_FLAG, message, self.span_of("mask"), help=["leave the mask out"])
        mask = Mask(tree)
        return mask, tuple(self._flag(g, flag, sides) for flag in mask.flags)

    def _is_missing(self, g: Builder, flag: Flag, sides: dict[str, Tensor]) -> bool:
        """Whether no query or key has the flag at all: it is then true, and a note says so."""
        tensor = g.values.get(flag.name, UNKNOWN)
        if flag.side is None or tensor.unknown or tensor.kind != "bool":
            return False
        own = {axis.name for part in tensor.space.parts for axis in part.axes}
        found = {axis.name for part in sides[flag.side].space.parts for axis in part.axes}
        if not own or own & found:
            return False
        side = "keys" if flag.side == "key" else "queries"
        message = f"`{flag}` hides nothing here: the {side} have no axis {' or '.join(sorted(own))}"
        g.diagnostics.add(Diagnostic(NO_FLAG, message, Label(flag.span), severity="note"))
        return True

    def _flag(self, g: Builder, flag: Flag, sides: dict[str, Tensor]) -> Tensor:
        """The bool input that a flag of the mask reads: one flag for each query or key."""
        tensor = g.values.get(flag.name, UNKNOWN)
        if flag.side is None and tensor.kind == "bool":
            self._check_bare(g, flag, (tensor, *sides.values()))
        if flag.side is None or tensor.unknown or tensor.kind != "bool":
            raise g.not_yet(f"`{flag}` in a mask", flag.span)
        wanted = sides[flag.side].space
        sizes = [axis.size for axis in (*wanted.batch, *wanted.token_axes)]
        alike = tensor.space.batch == wanted.batch
        if alike and tensor.space.token_axes == wanted.token_axes and not tensor.raw:
            return tensor
        if len(wanted.parts) > 1:
            raise g.not_yet("a flag for one of several parts", flag.span)
        tokens = f"{'keys' if flag.side == 'key' else 'queries'} [{', '.join(map(str, sizes))}]"
        raise g.not_yet(f"`{flag}` with flags {g.shape(tensor)} for {tokens}", flag.span)

    def _check_bare(self, g: Builder, flag: Flag, values: tuple[Tensor, ...]) -> None:
        """The axes of a bare flag are found in query and key together, none of them in both."""
        own, query, key = (
            {axis.name for part in x.space.parts for axis in part.axes} for x in values
        )
        if both := sorted(own & query & key):
            message = f"`{flag}` may be the query's or the key's: both have axis {both[0]}"
            help = [f"write `key.{flag}` to hide keys, or `query.{flag}`"]
            raise g.refuse(TWO_SIDES, message, flag.span, help=help)
