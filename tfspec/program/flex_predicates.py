"""Predicates as FlexAttention asks them: of one query and one key, by their indices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING

from tfspec.graph import mask_tree as mt
from tfspec.graph.places import Place
from tfspec.program import expr as ex
from tfspec.program.code_names import safe
from tfspec.program.coordinates import in_place
from tfspec.program.predicate_inputs import by_token
from tfspec.program.value import Value
from tfspec.spec.predicate import Side
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering

INDICES: dict[Side, ex.Name] = {"query": ex.Name("q"), "key": ex.Name("k")}


class Inside:
    """Writes conditions over the indices `batch`, `q` and `k`.

    `captured` are values of the root that the conditions read beside them, by their names there;
    `by_batch` says whether the answer differs from one element of the batch to the next.
    """

    def __init__(self, low: Lowering, given: Mapping[mt.Given, Value]) -> None:
        self.low, self.given = low, given
        self.captured: dict[str, ex.Expr] = {}
        self.by_batch = False
        self._names: dict[object, ex.Name] = {}

    def condition(self, tree: mt.Condition) -> ex.Expr:
        match tree:
            case mt.And(parts):
                return reduce(lambda a, b: ex.Binary("&", a, b), map(self.condition, parts))
            case mt.Or(parts):
                return reduce(lambda a, b: ex.Binary("|", a, b), map(self.condition, parts))
            case mt.Not(part):
                return ex.Unary("~", self.condition(part))
            case mt.Causal():
                return ex.Binary("<=", INDICES["key"], INDICES["query"])
            case mt.Within(size):
                distance = _absolute(ex.Binary("-", INDICES["query"], INDICES["key"]))
                return ex.Binary("<", distance, self._size(size))
            case mt.Member():
                found = [self._between(tree, *stretch) for stretch in tree.ranges]
                return reduce(lambda a, b: ex.Binary("|", a, b), found)
            case mt.Compare(sign, left, right):
                return ex.Binary(sign, self._number(left), self._number(right))
            case mt.Flag(given):
                return self._given(given)

    def _between(self, member: mt.Member, first: int, last: int) -> ex.Expr:
        """Whether the index is in a stretch of neighbouring parts."""
        index, lengths = INDICES[member.side], member.lengths
        start, stop = (sum(lengths[:at], Dim.of(0)) for at in (first, last))
        if stop - start == 1:
            return ex.Binary("==", index, self._size(start))
        ends: list[ex.Expr] = []
        if first > 0:
            ends.append(ex.Binary(">=", index, self._size(start)))
        if last < len(lengths):
            ends.append(ex.Binary("<", index, self._size(stop)))
        return reduce(lambda a, b: ex.Binary("&", a, b), ends)

    # ---- numbers
    def _number(self, number: mt.Number) -> ex.Expr:
        match number:
            case mt.Size(size):
                return self._size(size)
            case mt.Index(side):
                return INDICES[side]
            case mt.OnAxis(side, _, places):
                return self._along(INDICES[side], places)
            case mt.Given():
                return self._given(number)
            case mt.Absolute(inner):
                return _absolute(self._number(inner))
            case mt.Arithmetic(sign, left, right):
                return ex.Binary(sign, self._number(left), self._number(right))

    def _along(self, index: ex.Expr, places: Sequence[Place]) -> ex.Expr:
        """A token's coordinate: in the first part that has it, from the last part back."""
        first, *rest = places
        found = in_place(self.low, index, first, self._size)
        for place in rest:
            later = ex.Binary(">=", index, self._size(place.start))
            there = in_place(self.low, index, place, self._size)
            found = ex.Call(ex.Name("torch.where"), (later, there, found))
        return found

    def _size(self, size: Dim) -> ex.Expr:
        """A number where the spec fixes it, else captured."""
        fixed = self.low.fixed(size)
        if fixed is not None:
            return ex.Name(str(fixed))
        return self._capture(size, "length", lambda: self.low.number(size, "length"))

    def _given(self, given: mt.Given) -> ex.Expr:
        """An input at the query, the key or both."""
        tensor = self._capture(
            given, given.name, lambda: by_token(self.low, given, self.given[given]).ref
        )
        at: list[ex.Expr] = [ex.Name("batch")] if "b" in given.batch else []
        at += [INDICES[side] for side in ("query", "key") if given.grids(side)]
        self.by_batch = self.by_batch or "b" in given.batch
        return ex.Index(tensor, tuple(at))

    def _capture(self, key: object, hint: str, make: Callable[[], ex.Expr]) -> ex.Name:
        if key not in self._names:
            name = next(n for n in _numbered(hint) if n not in self.captured and n not in TAKEN)
            self.captured[name] = make()
            self._names[key] = ex.Name(name)
        return self._names[key]


TAKEN = frozenset({"batch", "head", "q", "k", "mask", "part", *(f"part{n}" for n in range(2, 99))})


def _absolute(number: ex.Expr) -> ex.Expr:
    return ex.Call(ex.Attribute(number, "abs"))


def _numbered(hint: str) -> Iterator[str]:
    yield safe(hint)
    yield from (f"{hint}{n}" for n in count(2))
