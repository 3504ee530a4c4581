"""Normalisation: the knobs that blocks, attention and feed-forwards share, and the step `norm`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field

from tfspec.construct.rules import IDLE_KNOB
from tfspec.diagnostics import Rule
from tfspec.layers.base import Layer
from tfspec.layers.modulation import modulated
from tfspec.ops import norm as ops
from tfspec.spec.located import Located, mistyped, only, unknown_choice
from tfspec.spec.pipeline import Pipeline
from tfspec.spec.types import Flag, Parsed, Rate, each_of

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

BAD_EPS = Rule(
    "TS218",
    "a negative eps",
    "A norm's eps is negative.",
    "It is added to a variance, to keep the root away from 0.",
    "norm: {eps: -1e-5}",
    "Give an eps of 0 or more.",
)

NormKind = Literal["layer", "rms", "l2"]
Place = Literal["pre", "out", "post"]
_EPS: dict[NormKind, float] = {"layer": 1e-5, "rms": 1e-6, "l2": 1e-12}
PLACES: tuple[Place, ...] = ("pre", "out", "post")


def check_places(value: Any) -> tuple[Place, ...]:
    """`pre`, `out`, `post`, or a list of these; an empty list is no place. Raises Wrong."""
    if isinstance(value, list | tuple):
        return each_of(cast("list[Any]", value), _place)
    return (_place(value),)


def _place(value: Any) -> Place:
    for known in PLACES:
        if value == known:
            return known
    if isinstance(value, str):
        raise unknown_choice(value, list(PLACES))
    raise mistyped(value, "takes `pre`, `out`, `post` or a list of these")


_PLACE: dict[str, Any] = {"enum": list(PLACES)}
Places = Annotated[
    tuple[Place, ...],
    Parsed(check_places, {"anyOf": [_PLACE, {"type": "array", "items": _PLACE}]}),
]


class Normalisation(Located):
    """What every normalisation has. `[..., width] -> [..., width]`, over the features.

    layer: (x - mean) / sqrt(var + eps) · weight + bias (Ba et al. 2016);
    rms: x / sqrt(mean(x²) + eps) · weight (Zhang and Sennrich 2019);
    l2: x / max(|x|, eps), no weights.
    `modulate` adapts what comes out to a conditioning vector (Perez et al. 2018).
    """

    kind: NormKind = Field("layer", description="layer, rms or l2")
    eps: Rate | None = Field(None, description="default 1e-5, rms 1e-6")
    bias: Flag | None = Field(None, description="whether a layer norm adds a learned bias")
    offset: Rate | None = Field(
        None,
        description="a constant added to the weight, which starts at 1 less it: 1 in the code of "
        "Gemma Team 2024",
    )
    affine: Flag | None = Field(
        None, description="false: no weight and no bias (Peebles and Xie 2022)"
    )
    modulate: Pipeline | None = Field(
        None,
        description="x·(1 + a) + b, where a and b are linear in this value (Perez et al. 2018)",
    )

    def effective(self, bias: bool) -> Mapping[str, object]:
        found = self.unwritten(eps=str(_EPS[self.kind]), offset=0, affine=True, bias=True)
        if self.kind == "l2":
            return {**found, "affine": False, "bias": False, "offset": 0}
        if self.kind == "rms" or self.affine is False:
            return {**found, "bias": False}
        return found

    def settled(self) -> Collection[str]:
        if self.kind == "l2":
            return ("affine", "bias", "offset")
        return ("bias",) if self.kind == "rms" or self.affine is False else ()

    def normalise(self, g: Builder, x: Tensor, base: str) -> Tensor:
        """This norm of x, with weights of its own under `base`, and modulated if it says so."""
        y = self.op(g, x)(x, name=base)
        return y if self.modulate is None else modulated(g, self.modulate, y)

    def op(self, g: Builder, x: Tensor) -> ops.Norm:
        """The primitive that this norm is; its knobs are checked here."""
        return ops.Norm(
            self.kind,
            norm_eps(g, self.kind, self.eps),
            affine=self.affine is not False,
            bias=self.bias is not False,
            offset=_offset(g, self, self.kind, x),
        )


class NormKnobs(Normalisation):
    """The norm of a block or of one branch; `none` is a norm at no place.

    post: norm(x + f(x)) (Vaswani et al. 2017); pre: x + f(norm(x)) (Xiong et al. 2020); out:
    x + norm(f(x)) (Liu et al. 2022, Swin V2).
    """

    called: ClassVar[str] = "`norm`"

    at: Places = Field(("pre",), description="pre: branch input; out: branch output; post: the sum")

    @classmethod
    def spread(cls, value: Any) -> Any:
        return only("at", [], value) if value == "none" else value

    @classmethod
    def short_forms(cls, properties: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"const": "none"}]


class Norm(Normalisation, Layer):
    """Normalises the features of every token: `[..., width] -> [..., width]`.

    layer: (x - mean) / sqrt(var + eps) · weight + bias (Ba et al. 2016);
    rms: x / sqrt(mean(x²) + eps) · weight (Zhang and Sennrich 2019);
    l2: x / max(|x|, eps), no weights.
    """

    step: ClassVar[str] = "norm"
    keeps_shape: ClassVar[bool] = True

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        return self.normalise(g, x, g.name("norm"))


class QKNorm(Located):
    """A norm of queries and keys, over each head or over all (Dehghani et al. 2023)."""

    called: ClassVar[str] = "`qk_norm`"
    shorthand: ClassVar[str | None] = "over"

    over: Literal["head", "full"] = Field(
        "head", description="each head, or all together before they are split (OLMo Team 2025)"
    )
    kind: NormKind | None = Field(None, description="default: the block's")
    eps: Rate | None = Field(None, description="default: the block's")
    bias: Flag | None = Field(None, description="whether a layer norm adds a learned bias")
    offset: Rate | None = Field(
        None,
        description="a constant added to the weight, which starts at 1 less it: 1 in the code of "
        "Gemma Team 2024",
    )
    affine: Flag | None = Field(
        None, description="false: no weight and no bias (Peebles and Xie 2022)"
    )

    def effective(self, bias: bool) -> Mapping[str, object]:
        return self.unwritten(
            kind="the block's", eps="the block's", offset=0, affine=True, bias=True
        )

    def normalise(self, g: Builder, x: Tensor, role: str) -> Tensor:
        """Queries or keys over their features: of each head [..., h, N, k], or of all together,
        [..., N, h·k]."""
        block = g.defaults.norm
        kind = self.kind or (block.kind if block is not None else "layer")
        eps = self.eps or (block.eps if block is not None and self.kind is None else None)
        offset = _offset(g, self, kind, x)
        affine, bias = self.affine is not False, self.bias is not False
        op = ops.Norm(kind, norm_eps(g, kind, eps), affine, bias, offset, role)
        return op(x, name=f"{role}_norm")


def _offset(g: Builder, norm: Normalisation | QKNorm, kind: NormKind, x: Tensor) -> float:
    """The constant that is added to a norm's weight; it has one then, and no bias."""
    offset = 0.0 if norm.offset is None else g.number(norm.offset, x)
    place = norm.key_span("offset")
    if offset and (kind == "l2" or norm.affine is False):
        why = "an l2 norm has no weight" if kind == "l2" else "`affine: false` leaves no weight"
        raise g.refuse(IDLE_KNOB, f"`offset` changes nothing: {why}", place, help=["leave it out"])
    if offset and kind == "layer" and norm.bias is not False:
        raise g.not_yet("`offset` beside a bias", place, ["say `bias: false`"])
    return offset


def like_the_blocks(g: Builder, role: str) -> ops.Norm:
    """A norm inside of a branch, of the kind and with the eps of the block's."""
    block = g.defaults.norm
    kind = "layer" if block is None else block.kind
    return ops.Norm(kind, norm_eps(g, kind, None if block is None else block.eps), role=role)


def norm_eps(g: Builder, kind: NormKind, eps: Rate | None) -> float:
    """The eps that a norm adds, by its kind where none is written."""
    if eps is None:
        return _EPS[kind]
    value = g.number(eps)
    if value < 0:
        raise g.refuse(BAD_EPS, f"an eps is not negative, and {value:g} is", eps.span)
    return value
