"""Numbers of a spec that may differ from layer to layer: a rate of drop path, a start, a scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tfspec.spec.tree import Name, Number, Operation, Tree, filled, real_value
from tfspec.spec.wrong import NOWHERE


@dataclass(frozen=True)
class PerLayer:
    """A number for each layer that one trace stands for.

    `tree` is its expression, whose only name is `i`; `layers` are the layers' indices in their
    stream. `lead` is how far the first of them stands behind the first layer of its pattern.
    """

    tree: Tree
    layers: range
    lead: int = 0

    @cached_property
    def values(self) -> tuple[float, ...]:
        """The number of each layer, in order."""
        return tuple(float(real_value(self.tree, {"i": i})) for i in self.layers)

    @property
    def moved(self) -> Tree:
        """The expression where i is the pattern's first layer; a lone layer's is its number."""
        i = Name("i", NOWHERE)
        lone = len(self.layers) == 1
        return filled(
            self.tree,
            {
                "i": Number(self.layers[0])
                if lone
                else Operation("+", i, Number(self.lead), NOWHERE)
            },
        )


Rate = float | PerLayer
"""A number, the same for all layers or not."""


def every(rate: Rate) -> tuple[float, ...]:
    """All values that a rate has."""
    return rate.values if isinstance(rate, PerLayer) else (rate,)
