"""What the generator knows of a value: its batch axes, its parts and its width."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Axis:
    """`name` of a size, written as an expression; `low` is its least size, `top` its largest or
    None, and every size is a multiple of `step`."""

    name: str
    size: str
    low: int
    top: int | None
    step: int = 1
    labels: tuple[str, ...] = ()

    def cut(self, by: int) -> Axis:
        """In tiles of this size."""
        top = self.top and self.top // by
        return Axis(self.name, f"{self.size}/{by}", self.low // by, top, self.step // by)

    def grown(self, by: int) -> Axis:
        top = self.top and self.top * by
        return Axis(self.name, f"{self.size}*{by}", self.low * by, top, self.step * by)


@dataclass(frozen=True)
class Part:
    """Tokens on a grid of axes; without axes, one token."""

    name: str
    axes: tuple[Axis, ...] = ()

    @property
    def most(self) -> int | None:
        """The largest number of tokens, or None where there is none."""
        total = 1
        for axis in self.axes:
            if axis.top is None:
                return None
            total *= axis.top
        return total


@dataclass(frozen=True)
class Val:
    """Vectors of `width` over batch axes × parts."""

    batch: tuple[str, ...]
    parts: tuple[Part, ...]
    width: int

    @property
    def single(self) -> bool:
        return len(self.parts) == 1 and not self.parts[0].axes

    @property
    def bounded(self) -> bool:
        return all(part.most is not None for part in self.parts)

    @property
    def space(self) -> tuple[tuple[str, ...], tuple[tuple[Axis, ...], ...]]:
        """Equal for values that can be added or joined."""
        return self.batch, tuple(part.axes for part in self.parts)

    def wide(self, width: int) -> Val:
        return replace(self, width=width)

    def over(self, *parts: Part) -> Val:
        return replace(self, parts=parts)

    def titled(self, stream: str) -> Val:
        """As the language names it: one part with axes bears its stream's name."""
        if len(self.parts) == 1 and self.parts[0].axes:
            return self.over(replace(self.parts[0], name=stream))
        return self
