"""Random stacks whose layers share weights: some in turn, round after round, or one for all."""

from __future__ import annotations

from tests.fuzz import blocks
from tests.fuzz.maker import BLOCKS, Maker
from tests.fuzz.steps import Made
from tests.fuzz.values import Val


def rounds(m: Maker, x: Val) -> Made:
    """A stack of a block that stands nowhere else: what others share too is no round."""
    copies, times = m.number(1, 3), m.number(1, 3)
    made = blocks.residual_block(m, x)
    m.used.add(share := f"turn{len(m.used)}")
    known = [name for name, value in m.fixed.items() if value == copies]
    by = m.pick(known) if known and m.chance(50) else copies
    indices = [f"i % {by}", f"(i + 1) % {by}", f"2 * (i % {by})"]
    made["share"] = share if copies == 1 and m.chance(50) else f"{share}({m.pick(indices)})"
    name = m.name(BLOCKS)
    m.tree["blocks"][name] = made
    return {"stack": {"of": name, "depth": m.size(copies * times)}}, x
