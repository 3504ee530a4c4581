"""What kind of kernel runs a step: said by whoever writes the step, as what it keeps is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tfspec.symbolic import Dim

Kind = Literal["product", "convolution", "attention", "gather", "pointwise"]
NOTHING = Dim.of(0)


@dataclass(frozen=True)
class Kernel:
    """How one step runs on a device. A step that shares an operand's storage runs nothing.

    product, convolution: matrix products, in a library's kernel. attention: scores, softmax and mix
    in one. gather: rows of a table, by an index, of which no other row is read. pointwise: a value
    an element, with reductions along a row (norms, softmax), copies and casts: what a compiler
    fuses with its neighbours.

    `hidden` are elements that move beside the operands and the result, each read or write once: in
    a pointwise step only where torch runs it line by line. `launches` counts kernels there.
    `back` are those that move in backward beside gradients and what is kept, where it is said, and
    `back_flags` are booleans.
    `skips`: attention that computes no tile of scores that its mask hides; `recomputes`: its
    backward makes the scores anew. `trains`: while the model does not train, the result is the
    operand. `joins`: operands lie side by side in the result, so each one's gradient is a view.
    """

    kind: Kind
    hidden: Dim = NOTHING
    back: Dim | None = None
    back_flags: Dim = NOTHING
    launches: int = 1
    skips: bool = False
    recomputes: bool = False
    trains: bool = False
    joins: bool = False

    def after(self, copies: Sequence[Dim]) -> Kernel:
        """The kernel of a helper that copies operands of so many elements for it."""
        hidden, launches = sum((2 * size for size in copies), self.hidden), len(copies)
        return replace(self, hidden=hidden, launches=self.launches + launches)


POINTWISE = Kernel("pointwise")
JOIN = Kernel("pointwise", joins=True)
PRODUCT = Kernel("product")
CONVOLUTION = Kernel("convolution")
GATHER = Kernel("gather")
