"""The fuzzer of decoding is able to fail: each mistake made on purpose in what runs is seen."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

import pytest

from tests.fuzz import decoding
from tests.fuzz.broken import Broken
from tests.fuzz.decoders import make
from tests.fuzz.specs import written
from tfspec.graph.space import Part
from tfspec.ops import tables
from tfspec.passes.emit.file import file_text
from tfspec.program import expr as ex
from tfspec.program.caching import Caching
from tfspec.program.lowering import Lowering
from tfspec.program.program import Program
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim

Patch = pytest.MonkeyPatch
CASES = 60

LINES = {
    "keys in the slot before": (
        "self.k.index_copy_(2, position, k)",
        "self.k.index_copy_(2, (position - 1).clamp(min=0), k)",
    ),
    "values in the slot before": (
        "self.v.index_copy_(2, position, v)",
        "self.v.index_copy_(2, (position - 1).clamp(min=0), v)",
    ),
    "latents in the slot before": (
        "self.kept.index_copy_(1, position, new)",
        "self.kept.index_copy_(1, (position - 1).clamp(min=0), new)",
    ),
    "new values are not kept": ("        self.v.index_copy_(2, position, v)\n", ""),
    "the prompt is not kept": ("            self.k[:, :, : k.shape[2]] = k\n", ""),
    "a slot too many": ("slots <= position[:, None]", "slots <= position[:, None] + 1"),
    "a slot too few": ("slots <= position[:, None]", "slots < position[:, None]"),
    "no mask of new tokens": ("slots <= position[:, None]", "slots >= 0 * position[:, None]"),
    "the angle before": ("self.rope[:, position", "self.rope[:, -1 + position"),
    "a memory of other tokens": ("cache.v.copy_(v)", "cache.v.copy_(v.roll(1, 2))"),
    "a memory of the text before": ("    cache.k.copy_(k)\n", ""),
    "the first token of a prompt": ("[:, -1:]", "[:, :1]"),
    "the first place of a prompt": ("[:, -2:]", "[:, :2]"),
}
"""Lines of emitted files, and what stands there by mistake."""


def positions_off_by_one(patch: Patch) -> None:
    """Of new tokens in tables; where they stand in caches is right."""
    index = tables._index

    def moved(low: Lowering, part: Part, term: tables.Term, *, new: bool = False) -> Value:
        found = index(low, part, term, new=new)
        before = ex.Binary("-", found.ref, ex.Name("1"))
        return found.pointwise(before, NO_GRADIENT) if new else found

    patch.setattr(tables, "_index", moved)


def one_token_a_place(patch: Patch) -> None:
    """All tokens of a place where its first one stands."""
    patch.setattr(Lowering, "range", _alike(Lowering.range))


def _alike(made: Callable[..., Value]) -> Callable[..., Value]:
    def zeros(self: Lowering, size: Dim, hint: str = "positions") -> Value:
        found = made(self, size, hint)
        return found.times(ex.Name("0")) if hint == "inside" else found

    return zeros


def nothing_stands_before(patch: Patch) -> None:
    """A text behind other tokens, placed as if there were none."""
    patch.setattr(Caching, "_behind", lambda self, index, before: index)


def read(old: str, new: str) -> Callable[[Patch], None]:
    """A file with another line."""

    def changed(program: Program) -> str:
        return file_text(program).replace(old, new)

    return lambda patch: patch.setattr(decoding, "file_text", changed)


SABOTAGE: dict[str, Callable[[Patch], None]] = {
    **{name: read(*lines) for name, lines in LINES.items()},
    **{
        each.__name__: each
        for each in (positions_off_by_one, one_token_a_place, nothing_stands_before)
    },
}


@pytest.mark.parametrize("mistake", SABOTAGE)
def test_a_mistake_in_decoding_is_seen(mistake: str, monkeypatch: Patch) -> None:
    SABOTAGE[mistake](monkeypatch)
    assert any(map(caught, generated())), "no case showed it"


@cache
def generated() -> list[str]:
    return [written(make(Random(at))) for at in range(CASES)]


def caught(text: str) -> bool:
    """Whether decoding comes to something else than the forward."""
    try:
        decoding.decoded(text)
    except Broken as objection:
        return "decoding differs" in str(objection)
    return False


def test_without_a_mistake_nothing_is_seen() -> None:
    assert not any(map(caught, generated()[:10]))
