"""Where branches part: the last value that all of a step's operands come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tfspec.graph.tensor import Tensor


class Dominators:
    """The immediate dominator of each value, steps being told in order of execution.

    None is what stands before all: values without a common origin part there. In what is `closed`,
    as a block is, values that come from no root stand `aside`: where they meet others, those have
    an origin without them. The algorithm is that of Cooper, Harvey and Kennedy (2001), which needs
    one pass where nothing loops.
    """

    def __init__(self, roots: Iterable[Tensor], closed: bool = False) -> None:
        self.closed = closed
        self.aside: set[Tensor] = set()
        self.parent: dict[Tensor, Tensor | None] = dict.fromkeys(roots)
        self.depth: dict[Tensor, int] = dict.fromkeys(self.parent, 1)

    def add(self, made: Tensor, operands: Sequence[Tensor]) -> None:
        """A step that makes a value of others, which were added before."""
        own = self._own(operands)
        if self.closed and not own:
            self.aside.add(made)
        parent = self.common(own or operands)
        self.parent[made] = parent
        self.depth[made] = 1 + (self.depth[parent] if parent is not None else 0)

    def common(self, values: Sequence[Tensor]) -> Tensor | None:
        """The last value through which all that leads to these goes; None where there is none."""
        if not values:
            return None
        found: Tensor | None = values[0]
        for other in values[1:]:
            found = self._meet(found, other)
        return found

    def origin(self, values: Sequence[Tensor], uses: Mapping[Tensor, int]) -> Tensor | None:
        """Where the branches that lead to these part: before what a single one that does not stand
        aside is made of for their sake alone."""
        own = self._own(values)
        found = self.common(own or [each for each in values if each in self.depth])
        while len(own) == 1 and found and uses[found] == 1 and self.parent[found]:
            found = self.parent[found]
        return found

    def _own(self, values: Iterable[Tensor]) -> list[Tensor]:
        return [each for each in values if each in self.depth and each not in self.aside]

    def _meet(self, a: Tensor | None, b: Tensor | None) -> Tensor | None:
        while a is not b:
            if a is None or b is None:
                return None
            if self.depth[a] >= self.depth[b]:
                a = self.parent[a]
            else:
                b = self.parent[b]
        return a
