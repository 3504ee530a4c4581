"""Tables of positions."""

from __future__ import annotations

import math
from typing import Any

from tests.fuzz.reference import numbers
from tests.fuzz.reference.base import Reading
from tests.fuzz.reference.numbers import Fails
from tests.fuzz.reference.value import Val


class Positions(Reading):
    def step_pos(self, knobs: Any, x: Val) -> Val:
        length = sum(x.lengths())
        knobs = {knobs: ""} if isinstance(knobs, str) else knobs
        if "learned" in knobs:
            table = self.frame.group({"": (self._longest(x), x.width)})[""]
            return x.of(x.data + table[:length])
        base, layout = self.rate(knobs.get("base", 10000)), knobs.get("layout", "interleaved")
        if x.width % 2:
            raise Fails("sinusoids of an odd width")
        return x.of(x.data + numbers.sinusoids(length, x.width, base, layout))

    def _longest(self, x: Val) -> int:
        """The number of tokens where every range is at its end."""
        return sum(
            math.prod(self.length_at_most(name, size) for name, size in axes) for _, axes in x.parts
        )
