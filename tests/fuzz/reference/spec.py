"""A second reading of the language: a spec's tree computed directly, step by step, without a graph.

It is written from the definition of the language alone, for what the generator writes. It raises
Fails, or torch's own errors, where a spec has no meaning at some sizes.
"""

from __future__ import annotations

from tests.fuzz.reference.blocks import Blocks
from tests.fuzz.reference.gathers import Gathers
from tests.fuzz.reference.positions import Positions


class Reference(Gathers, Positions, Blocks):
    """One computation of a spec at given sizes."""
