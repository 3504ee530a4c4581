"""What a gradient reaches: steps that weights lead to, and that lead to an output.

What leads to no output is thrown away: it runs, and backward never sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tfspec.symbolic import Dim

T = TypeVar("T")
ONE = Dim.of(1)


@dataclass(eq=False)
class Seen:
    """A value in one run. It `needs` a gradient where a weight led to it; it gets one where it is
    also `read` on the way to an output."""

    needs: bool = False
    read: bool = False


Flow = tuple[Seen, Sequence[Seen]]
"""A result, and the operands that it hands its gradient on to."""


@dataclass
class Tape(Generic[T]):
    """Steps that may learn, in the order in which they ran."""

    steps: list[tuple[T, Sequence[Flow]]] = field(default_factory=list[tuple[T, Sequence[Flow]]])

    def add(self, step: T, flows: Sequence[Flow]) -> None:
        """A step, its results, and what they are made of. They need gradients from here on."""
        for result, _ in flows:
            result.needs = True
        self.steps.append((step, flows))

    def reached(self, outputs: Iterable[Seen]) -> list[T]:
        """The steps that lead to some of these outputs, in the order in which they ran."""
        for output in outputs:
            output.read = True
        found: list[T] = []
        for step, flows in reversed(self.steps):
            read = [operands for result, operands in flows if result.read]
            for operand in (each for operands in read for each in operands):
                operand.read = True
            if read:
                found.append(step)
        return found[::-1]


def ends(values: int) -> tuple[int, int]:
    """How many layers at the front and at the back of a stack differ from those between them.

    The first reads what came in, all later ones what a layer left. Of several values, which read
    each other, a gradient may take as many layers to reach them all, from either end.
    """
    return (1, 0) if values == 1 else (values, values)


def turns(layers: Dim, count: int, front: int, back: int) -> list[Dim]:
    """How many layers each turn stands for that is walked through: some at the front and at the
    back one by one, and all others as one. `count` is how many layers there are, in numbers."""
    ones = min(front + back, count - 1)
    front = min(front, ones)
    return [*[ONE] * front, layers - ones, *[ONE] * (ones - front)]
