"""The knobs `alibi` and `rel_bias` of `attend`: what is added to scores by relative position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.diagnostics import Label, Rule
from tfspec.graph.mask import Mask
from tfspec.graph.space import Space
from tfspec.graph.tensor import Tensor
from tfspec.ops.alibi import Alibi
from tfspec.ops.pointwise import Add
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.layers.attend import Attend

NO_DISTANCE = Rule(
    "TS235",
    "a bias by distance where there is none",
    "`alibi` or `rel_bias` is used where keys come from elsewhere, or of a single token.",
    "They read how far a key is from its query; tokens of two values have no distance.",
    "attend: {to: memory, heads: 8, alibi: true}",
    "Leave it out.",
)


def score_bias(
    g: Builder, layer: Attend, space: Space, source: Tensor | None, heads: Dim, mask: Mask | None
) -> tuple[Tensor, ...]:
    """The bias [h, N, N] of the tokens of `space` among themselves, or none.

    `source`: the other value that keys come from, if they do.
    """
    for knob in ("alibi", "rel_bias"):
        if getattr(layer, knob) and source is not None:
            message = f"`{knob}` needs distances in one sequence, and here the keys are another's"
            came = [Label(layer.span_of("to"), "the keys come from here")]
            help = ["leave it out"]
            raise g.refuse(NO_DISTANCE, message, layer.key_span(knob), came=came, help=help)
        if getattr(layer, knob) and space.single:
            message = f"`{knob}` needs distances between tokens, and here is a single one"
            raise g.refuse(NO_DISTANCE, message, layer.key_span(knob), help=["leave it out"])
    found: list[Tensor] = []
    if layer.alibi:
        found.append(Alibi(heads, space)())
    if layer.rel_bias is not None:
        place = Label(layer.key_span("rel_bias"))
        found.append(layer.rel_bias.score(g, space, heads, mask, place))
    return (Add()(*found),) if len(found) > 1 else tuple(found)
