"""Where branches part: the last value that all of a step's operands come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tfspec.graph.tensor import Tensor


class Dominators:
    """The immediate dominator of each value, steps being told in order of execution.

    None is what stands before all: values without a common origin part there. The algorithm is
    that of Cooper, Harvey and Kennedy (2001), which needs one pass where nothing loops.
    """

    def __init__(self, roots: Iterable[Tensor]) -> None:
        self.parent: dict[Tensor, Tensor | None] = dict.fromkeys(roots)
        self.depth: dict[Tensor, int] = dict.fromkeys(self.parent, 1)

    def add(self, made: Tensor, operands: Sequence[Tensor]) -> None:
        """A step that makes a value of others, which were added before."""
        parent = self.common(operands)
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

    def _meet(self, a: Tensor | None, b: Tensor | None) -> Tensor | None:
        while a is not b:
            if a is None or b is None:
                return None
            if self.depth[a] >= self.depth[b]:
                a = self.parent[a]
            else:
                b = self.parent[b]
        return a
