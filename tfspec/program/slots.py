"""How many slots the caches of a model have, read off one of them wherever it is."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

from tfspec.program.expr import ATOM, SUM, Expr, Names, Ref
from tfspec.program.lengths import Solved

if TYPE_CHECKING:
    from tfspec.program.method import Kept, Method


@dataclass(eq=False)
class Slots(Expr):
    """`times` as many as the places that any one cache of the root has for the text, and those
    `before` it; or a dim by which a memory is long, found by how many slots that has."""

    base: Ref
    memory: str | None = None
    times: int = 1
    before: int = 0

    def children(self) -> tuple[Expr, ...]:
        return (self.base,)

    def text(self, names: Names) -> tuple[str, int]:
        found = _cache_of(self.base.to.method, self.memory)
        assert found is not None, "no cache has it"
        path, owner = found
        read = f"{names.value(self.base.to)[0]}{path}.slots"
        text = owner.by_memory.text(read) if self.memory else self._times(owner, read)
        return text, ATOM if text == read else SUM

    def _times(self, owner: Method, read: str) -> str:
        if self.times == owner.a_place:
            return Solved(owner.before - self.before).text(read)
        shared = gcd(self.times, owner.a_place)
        places = Solved(owner.before, self.times // shared, owner.a_place // shared).text(read)
        return f"{places} + {self.before}" if self.before else places


def slots_text(method: Method, cache: str) -> str:
    """How many places of the text a cache of this name has room for, as code."""
    found = _cache_of(method, None)
    assert found is not None, "no cache grows"
    path, owner = found
    return Solved(owner.before, by=owner.a_place).text(f"{cache}{path}.slots")


def path_to_cache(method: Method) -> str | None:
    """Indices from a method's cache to the first that grows with the text."""
    found = _cache_of(method, None)
    return None if found is None else found[0]


def _cache_of(method: Method, memory: str | None) -> tuple[str, Method] | None:
    """Indices from a method's cache to the first that grows with the text, or of a memory; and the
    attention's method that has it."""
    for place, kept in enumerate(method.kept):
        found = _cache_in(method, kept, memory)
        if found is not None:
            path, owner = found
            return path if len(method.kept) == 1 else f"[{place}]{path}", owner
    return None


def _cache_in(method: Method, kept: Kept, memory: str | None) -> tuple[str, Method] | None:
    """The same within one item; its own attention's is there."""
    if not kept.children:
        wanted = method.memory == memory if memory else not kept.whole
        return ("", method) if wanted else None
    for at, child in enumerate(kept.children):
        found = _cache_of(child, memory)
        if found is not None:
            path, owner = found
            return f"[{at}]{path}" if kept.stacked else path, owner
    return None
