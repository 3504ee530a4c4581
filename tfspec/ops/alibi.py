"""ALiBi: scores that fall with the distance of query and key, a fixed slope a head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.scope import WeightSpec
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node
from tfspec.ops.bias import PairBias
from tfspec.program import expr as ex
from tfspec.program import masks
from tfspec.program.lowering import Lowering
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value

SLOPES = '''def alibi_slopes(heads):
    """How fast scores fall with distance, 2^(-8/h) to 2^-8 over the heads: [h]."""
    return 2 ** (-8 * torch.arange(1, heads + 1).float() / heads)
'''
UNEVEN_SLOPES = '''def alibi_slopes(heads, power):
    """How fast scores fall with distance: as for `power` heads, then between: [h]."""
    steps = torch.arange(1, power + 1).float()
    between = torch.arange(1, 2 * (heads - power), 2).float()
    return 2 ** (torch.cat((-8 * steps, -4 * between)) / power)
'''


@dataclass(frozen=True)
class Alibi(PairBias):
    """-m_h · |query index - key index|: [h, N, M], with m_h = 2^(-8(h+1)/n) for n heads.

    Where n is no power of two: the slopes of the power p below, then every second one, from the
    first, of those for 2p. Source: Press et al. 2022, section 3 and its code.
    """

    told: ClassVar[str] = "ALiBi"

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # the slopes are fixed

    def label(self) -> str:
        return "alibi"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        """Made once a forward; attentions with as many heads read the same."""
        n = self.length

        def build() -> Value:
            offsets = masks.offsets(low, self.space)
            falls = self._slopes(low).new_axes("h11")
            negative = falls.pointwise(ex.Unary("-", falls.ref), NO_GRADIENT)
            distances = offsets.absolute()
            expr = ex.Binary("*", negative.ref, distances.ref)
            return negative.fresh(expr, (self.heads, *offsets.shape), NO_GRADIENT)

        return low.hoist(("alibi", self.heads, n), "alibi", build)

    def _slopes(self, low: Lowering) -> Value:
        heads = low.fixed(self.heads)
        assert heads is not None, "heads have one size"
        power = 1 << (heads.bit_length() - 1)
        even = power == heads
        function = low.helper("alibi_slopes", SLOPES if even else UNEVEN_SLOPES)
        sizes = (heads,) if even else (heads, power)
        numbers = tuple(ex.Number(size, "heads") for size in sizes)
        return low.buffer("slopes", ex.Call(function, numbers), (self.heads,))
