"""The step `stack`: layers of a block, or of a pattern of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, cast

from pydantic import Field

from tfspec.diagnostics import Label, Rule, Span
from tfspec.layers.base import Layer
from tfspec.spec.located import mistyped
from tfspec.spec.located_values import span_of
from tfspec.spec.pipeline import Ref
from tfspec.spec.types import NAME, Parsed, Size, check_name, each_of
from tfspec.spec.wrong import NOWHERE

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor

UNEVEN_DEPTH = Rule(
    "TS212",
    "a pattern that does not divide the depth",
    "The number of layers in a stack's pattern, or of those that share weights in turn, does not "
    "divide its depth.",
    "The pattern, or the round of layers that share weights, is repeated whole.",
    "stack: {of: [local, full], depth: 5}",
    "Change the depth, or the pattern.",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Layers in turn, each a series of blocks: `[local, full]` is two, `[[look, read]]` is one."""

    layers: tuple[tuple[Ref, ...], ...]
    span: Span = field(compare=False, default=NOWHERE)

    def blocks(self) -> Iterator[Ref]:
        """Every block in it, in order."""
        return (block for layer in self.layers for block in layer)


def check_pattern(value: Any) -> Pattern:
    """A block, or a list of blocks and of lists of blocks. Raises Wrong."""
    if isinstance(value, Pattern):
        return value
    return Pattern(_each(value, _layer), span_of(value) or NOWHERE)


def _layer(value: Any) -> tuple[Ref, ...]:
    return _each(value, _block)


def _each(value: Any, check: Callable[[Any], T]) -> tuple[T, ...]:
    if not isinstance(value, list):
        return (check(value),)
    if not value:
        raise mistyped(None, "takes a block or a list of blocks")
    return each_of(cast("list[Any]", value), check)


def _block(value: Any) -> Ref:
    if not isinstance(value, str):
        raise mistyped(value, "takes a block or a list of blocks")
    name = check_name(value)
    return Ref(str(name), name.span)


_BLOCK: dict[str, Any] = {"type": "string", "pattern": f"^{NAME}$"}
_LAYER = {"anyOf": [_BLOCK, {"type": "array", "items": _BLOCK, "minItems": 1}]}
PatternField = Annotated[
    Pattern,
    Parsed(check_pattern, {"anyOf": [_BLOCK, {"type": "array", "items": _LAYER, "minItems": 1}]}),
]


class Stack(Layer):
    """Layers of a block, or of a pattern of blocks, one after the other: `[...] -> [...]`.

    depth layers alike (Vaswani et al. 2017), or kinds in turn (Child et al. 2019).

    A nested list in `of` is one layer. The number of layers in the pattern must divide `depth`.
    A block with `share: think(i % 6)` is six layers, run in turn until there are `depth` (Jaegle et
    al. 2021); with `share: think`, one layer, run `depth` times (Dehghani et al. 2019).
    """

    step: ClassVar[str] = "stack"
    takes_unequal: ClassVar[bool] = True
    keeps_shape: ClassVar[bool] = True

    of: PatternField = Field(description="a block, or a pattern: [local, full], [[look, read]]")
    depth: Size = Field(description="number of layers")

    def forward(self, g: Builder, x: Tensor | None) -> Tensor:
        assert x is not None
        size = g.size(self.depth, x)
        depth = g.fixed(size, self.depth.span, "a stack has one depth")
        layers = g.count(self.depth, x)
        pattern = len(self.of.layers)
        if layers % pattern:
            message = f"a pattern of {pattern} layers does not divide a depth of {layers}"
            raise g.refuse(
                UNEVEN_DEPTH,
                message,
                Label(
                    self.span_of("depth"),
                    f"{layers} = {pattern} × {layers // pattern} + {layers % pattern}",
                ),
                came=[
                    Label(self.of.span, f"{pattern} layers"),
                    *g.declared(*sorted(depth.symbols)),
                ],
                help=[f"give a depth that is a multiple of {pattern}"],
            )
        from tfspec.construct.blocks import stack

        return stack(g, self.of, depth, layers // pattern, x)
