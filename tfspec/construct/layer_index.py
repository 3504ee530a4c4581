"""Which layer of its stream is being built: what `i` and `n` mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from tfspec.layers.base import Layer
from tfspec.layers.combine import Operand
from tfspec.layers.stack import Stack
from tfspec.spec.expression import ExpressionError
from tfspec.spec.pipeline import Ref, Series
from tfspec.spec.schema import BlockDecl, Spec

if TYPE_CHECKING:
    from tfspec.symbolic import Dim
    from tfspec.symbolic.facts import Facts


@dataclass(frozen=True)
class Layers:
    """The layers that a trace stands for: indices in their stream, and their place in a pattern.

    `copies`: so many have weights of their own, where later ones have these again, in rounds.
    """

    indices: range
    lead: int = 0
    copies: int | None = None

    @property
    def own(self) -> range:
        """Those that have weights of their own: the first round."""
        return self.indices[: self.copies]


@dataclass(eq=False)
class Depth:
    """The layers of a stream or output: how many came so far, and how many there are in all, which
    is counted where a number speaks of it."""

    count: Callable[[], int | None]
    passed: int = 0

    @cached_property
    def total(self) -> int | None:
        """How many there are; None where that cannot be told."""
        return self.count()

    def take(self, count: int) -> int:
        """The index of the first of so many layers, which come now."""
        first, self.passed = self.passed, self.passed + count
        return first


def count_layers(spec: Spec, dims: Mapping[str, Dim], facts: Facts, what: object) -> int | None:
    """How many layers a pipeline has: in its stacks, and blocks that stand alone.

    None where a depth cannot be told before the graph is built, or is wrong.
    """
    match what:
        case Stack():
            return _depth(what, dims, facts)
        case Ref(name):
            block = spec.blocks.get(name)
            if isinstance(block, BlockDecl):
                return 1
            return 0 if block is None else count_layers(spec, dims, facts, block)
        case Series() | Layer() | Operand() | tuple() | dict():
            counts = [count_layers(spec, dims, facts, each) for each in _inside(what)]
            return None if None in counts else sum(count or 0 for count in counts)
        case _:
            return 0


def _depth(stack: Stack, dims: Mapping[str, Dim], facts: Facts) -> int | None:
    if not stack.depth.names <= dims.keys():
        return None
    try:
        return facts.value(stack.depth.dim(dims))
    except ExpressionError:
        return None


def _inside(what: Any) -> Iterable[object]:
    match what:
        case Series():
            return what.items
        case Layer():
            return (getattr(what, name) for name in type(what).model_fields)
        case Operand():
            return (what.of,)
        case dict():
            return cast("dict[str, object]", what).values()
        case _:
            return cast("tuple[object, ...]", what)
