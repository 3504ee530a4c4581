"""Shape comments read back as numbers."""

from __future__ import annotations

import pytest

from tfspec.runtime.sizes import ANY, Unreadable, shapes
from tfspec.symbolic import Dim, sym

SYMBOLS = {"B": 2, "T": 7, "H": 32, "W": 48, "p": 16, "d": 64, "h": 4, "lambda": 3, "min": 5}

READ = [
    ("[B, T, d]", [(2, 7, 64)]),
    ("[]", [()]),
    ("[B, 3·h, T, d/h]", [(2, 12, 7, 16)]),
    ("[1 + (H/p)·(W/p)]", [(7,)]),
    ("[2·T² − 1, −T + 8]", [(97, 1)]),
    ("[B·T·d/h]", [(224,)]),
    ("[T//2 + T % 4]", [(6,)]),
    ("[min(T, d, 9), max(T, 9), min]", [(7, 9, 5)]),
    ("[lambda], [B, 1]", [(3,), (2, 1)]),
    ("[..., T, d]", [(ANY, 7, 64)]),
]
UNREADABLE = [
    ("[B, N]", "`N` has no value here"),
    ("[d/3]", "64 / 3 is no whole number"),
    ("[d // 0]", "64 / 0 is no whole number"),
    ("[B, T", "`]` is missing before ``"),
    ("[B] T", "`T` is not part of a shape"),
    ("B, T]", "`[` is missing before `B`"),
    ("[B, ..., d]", "`...` has no value here"),
    ("[... d]", "`,` is missing before `d`"),
    ("[B + ]", "`]` has no value here"),
]


@pytest.mark.parametrize(("text", "wanted"), READ)
def test_read(text: str, wanted: list[tuple[int, ...]]):
    assert shapes(text, SYMBOLS) == wanted


@pytest.mark.parametrize(("text", "why"), UNREADABLE)
def test_unreadable(text: str, why: str):
    with pytest.raises(Unreadable) as error:
        shapes(text, SYMBOLS)
    assert str(error.value) == why


B, T, H, d, h = (sym(name) for name in ("B", "T", "H", "d", "h"))
WRITTEN = [
    d.exact_div(h) * h * 3,
    3 * T * d.exact_div(h) - 2 * T**3 + 5,
    (T + 1).floor_div(2) * B + (H + T).mod(3),
    Dim.minimum(T, 2 * B + 1) * (d - 1),
    (d - T).floor_div(B + 1),
]


@pytest.mark.parametrize("size", WRITTEN, ids=str)
def test_what_is_written_is_read(size: Dim):
    assert shapes(f"[{size}]", SYMBOLS) == [(size.value(SYMBOLS),)]
