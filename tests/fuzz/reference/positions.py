"""Tables of positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tests.fuzz.reference import numbers
from tests.fuzz.reference.base import Reading
from tests.fuzz.reference.numbers import Fails
from tests.fuzz.reference.tokens import places
from tests.fuzz.reference.value import Val


@dataclass(frozen=True)
class Term:
    """One term of a table's space: its axes, their longest lengths, and the parts that it is for."""

    axes: tuple[str, ...]
    lengths: tuple[int, ...]
    parts: frozenset[str]

    def row(self, place: Mapping[str, int]) -> int:
        """A place has one row at every size."""
        row = 0
        for axis, length in zip(self.axes, self.lengths, strict=True):
            row = row * length + place[axis]
        return row


class Positions(Reading):
    def step_pos(self, knobs: Any, x: Val) -> Val:
        knobs = {knobs: ""} if isinstance(knobs, str) else knobs
        if "learned" in knobs:
            return x.of(x.data + self._learned(knobs, x))
        return x.of(x.data + self._sinusoids(knobs, x))

    def _learned(self, knobs: Mapping[str, Any], x: Val) -> Tensor:
        """Rows of one table, term after term."""
        terms = self._terms(knobs["learned"], x)
        first = int(self.rate(knobs.get("offset", 0)))
        needed = first + sum(math.prod(term.lengths) for term in terms)
        rows = self.size(knobs["rows"]) if "rows" in knobs else needed
        if rows < needed:
            raise Fails("a table that is too short")
        shape, share = {"": (rows, x.width)}, knobs.get("share")
        table = (self.shared(share, shape) if share else self.frame.group(shape))[""]
        added = torch.zeros(sum(x.lengths()), x.width, dtype=torch.float64)
        for term in terms:
            for token, (part, place) in enumerate(places(x)):
                if part in term.parts:
                    added[token] = table[first + term.row(place)]
            first += math.prod(term.lengths)
        return added

    def _sinusoids(self, knobs: Mapping[str, Any], x: Val) -> Tensor:
        """The width is cut evenly among the axes; each section is a table of its coordinate."""
        base, layout = self.rate(knobs.get("base", 10000)), knobs.get("layout", "interleaved")
        added = torch.zeros(sum(x.lengths()), x.width, dtype=torch.float64)
        axes = [axis.strip() for axis in knobs["sinusoidal"].split("*")]
        if axes == [""]:
            ((_, grid),) = x.parts
            axes = [axis for axis, _ in grid]
        part = next((grid for name, grid in x.parts if [name] == axes), ())
        axes = [axis for axis, _ in part] or axes  # a part's name means all its axes
        width, rest = divmod(x.width, len(axes))
        if rest or width % 2:
            raise Fails("sinusoids of an odd width")
        for token, (_, place) in enumerate(places(x)):
            if set(axes) <= place.keys():
                rows = [numbers.sinusoids(place[axis] + 1, width, base, layout)[-1]
                        for axis in axes]  # fmt: skip
                added[token] = torch.cat(rows)
        return added

    def _terms(self, space: str, x: Val) -> list[Term]:
        """`cls + H*W`: a part by its name or its axes; all tokens where nothing is named."""
        found: list[Term] = []
        for words in space.split("+") if space else ():
            names = tuple(word.strip() for word in words.split("*"))
            fit = [(part, axes) for part, axes in x.parts if set(names) <= {n for n, _ in axes}]
            if not fit:
                fit, names = [(part, axes) for part, axes in x.parts if names == (part,)], ()
            if not fit:
                raise Fails(f"no part has {names}")
            sizes = dict(fit[0][1])
            names = names or tuple(sizes)
            lengths = tuple(self.length_at_most(name, sizes[name]) for name in names)
            found.append(Term(names, lengths, frozenset(part for part, _ in fit)))
        if not space:
            for part, axes in x.parts:
                lengths = tuple(self.length_at_most(name, size) for name, size in axes)
                found.append(Term(tuple(name for name, _ in axes), lengths, frozenset([part])))
        return found
