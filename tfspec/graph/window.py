"""Windows of the graph: exact tiles of a grid of tokens, maybe shifted."""

from __future__ import annotations

from dataclasses import dataclass

from tfspec.graph.space import Axis, Part, Space
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class Windows:
    """How the tokens of a value's one part are cut: a tile and a shift along each of its axes.

    An axis that is attended whole has itself as tile. `shift` is 0 along an axis that one window
    covers; where that is known only when the model runs, `loose` says so.
    """

    space: Space
    tile: tuple[Dim, ...]
    shift: tuple[int, ...]
    loose: bool = False

    @property
    def grid(self) -> tuple[Dim, ...]:
        """The extent of each axis."""
        return tuple(axis.size for axis in self.space.parts[0].axes)

    @property
    def count(self) -> Dim:
        """How many windows there are."""
        pairs = zip(self.grid, self.tile, strict=True)
        return product(size.exact_div(tile) for size, tile in pairs)

    @property
    def tokens(self) -> Dim:
        """How many tokens a window has."""
        return product(self.tile)

    @property
    def inside(self) -> Space:
        """The space of the cut value: windows are batch, and a window has the axes' tiles."""
        (part,) = self.space.parts
        axes = (Axis(a.name, t) for a, t in zip(part.axes, self.tile, strict=True))
        batch = (*self.space.batch, Axis("windows", self.count))
        return Space(batch, (Part(part.name, tuple(axes)),))

    @property
    def shifted(self) -> bool:
        return any(self.shift)
