"""Token spaces: sums of products of named axes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from tfspec.symbolic import Dim, product


@dataclass(frozen=True, slots=True)
class Axis:
    """A named direction of a tensor and its size. `history` is how the size came to be.

    `labels` name its positions, where they have names.
    """

    name: str
    size: Dim
    history: tuple[Dim | str, ...] = field(default=(), compare=False, repr=False)
    labels: tuple[str, ...] = ()

    def cut(self, tile: Dim) -> Axis:
        """The axis of tiles of this many: what cuts has proved that they fit."""
        return Axis(self.name, self.size.exact_div(tile), (*self._past, "/", tile))

    def grown(self, times: Dim) -> Axis:
        """The axis where each one becomes so many."""
        return Axis(self.name, self.size * times, (*self._past, "·", times))

    @property
    def _past(self) -> tuple[Dim | str, ...]:
        return self.history or (self.size,)


@dataclass(frozen=True)
class Part:
    """Tokens that lie on a grid of axes, row-major; without axes it is one token."""

    name: str
    axes: tuple[Axis, ...] = ()

    @cached_property
    def length(self) -> Dim:
        return product(axis.size for axis in self.axes)

    def __contains__(self, axis: str) -> bool:
        return any(each.name == axis for each in self.axes)

    def __str__(self) -> str:
        return "·".join(axis.name for axis in self.axes) or self.name


@dataclass(frozen=True)
class Space:
    """What a value's rows are: batch axes × (part + part + ...)."""

    batch: tuple[Axis, ...]
    parts: tuple[Part, ...]

    @cached_property
    def length(self) -> Dim:
        return sum((part.length for part in self.parts), Dim.of(0))

    @property
    def single(self) -> bool:
        """One token, and so no token axis in the tensor."""
        return len(self.parts) == 1 and not self.parts[0].axes

    @cached_property
    def token_axes(self) -> tuple[Axis, ...]:
        """The one flattened token axis of a tensor over this space; empty for a single token."""
        if self.single:
            return ()
        only = self.parts[0].axes if len(self.parts) == 1 else ()
        return (only[0],) if len(only) == 1 else (Axis("tokens", self.length),)

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)

    def axis(self, name: str) -> Axis | None:
        every = (axis for part in self.parts for axis in part.axes)
        return next((axis for axis in (*self.batch, *every) if axis.name == name), None)

    def offset(self, name: str) -> Dim:
        """How many tokens come before the part."""
        total = Dim.of(0)
        for part in self.parts:
            if part.name == name:
                return total
            total = total + part.length
        raise KeyError(name)

    def with_parts(self, *parts: Part) -> Space:
        return replace(self, parts=parts)

    def __str__(self) -> str:
        return " + ".join(map(str, self.parts))
