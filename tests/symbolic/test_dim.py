"""The normal form of sizes: what cancels, what stays, and what is refused."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from tfspec.symbolic import Dim, Indivisible, TooComplex, UnboundSymbol, product, sym
from tfspec.symbolic.atoms import Floor, Max, Min, Mod, Quotient, Symbol

a, b, c, d, g, h, k, n = (sym(name) for name in "abcdghkn")
H, L, T, W, p, w = (sym(name) for name in "HLTWpw")


def over(num: Dim | int, den: Dim | int) -> Dim:
    return Dim.of(num).exact_div(den)


SAME = [
    (h * over(d, h), d),
    (8 * over(d, 8), d),
    (2 * over(d, 8), over(d, 4)),
    (over(d, over(d, 32)), Dim.of(32)),
    (over(d, over(d, h)), h),
    (over(a * b, b), a),
    (over(a + b, b), over(a, b) + 1),
    (over(2 * H + 3 * p, p), over(2 * H, p) + 3),
    (over(over(d, h), 2), over(d, 2 * h)),
    (over(d, h) * over(h, g), over(d, g)),
    (over(6 * d, 4), 3 * over(d, 2)),
    (over(2 * a, 2 * b), over(a, b)),
    (over(a * c, b * c), over(a, b)),
    (over(a, -b), over(-a, b)),
    (over(a**2 - b**2, a + b), a - b),
    (a * over(c, a + b) + b * over(c, a + b), c),
    ((a + b) * over(c, a + b), c),
    (over(H, p) * over(W, p) * p**2, H * W),
    (over(k * (a + b), a) * over(a, k), a + b),
    ((h + 2 * g) * k, h * k + 2 * g * k),
    ((a + b) ** 2, a**2 + 2 * a * b + b**2),
    (a - a, Dim.of(0)),
    (0 * a, Dim.of(0)),
    (a**0, Dim.of(1)),
    (3 - a, -(a - 3)),
    ((2 * T + 3).floor_div(2), T + 1),
    ((L - 1).floor_div(2) + 1, (L + 1).floor_div(2)),
    ((4 * T + 2).floor_div(8), (2 * T + 1).floor_div(4)),
    ((2 * T + 1).floor_div(4), T.floor_div(2)),
    (T.floor_div(2).floor_div(3), T.floor_div(6)),
    ((T.floor_div(2) + 1).floor_div(3), (T + 2).floor_div(6)),
    (T.floor_div(-2), (-T).floor_div(2)),
    ((a * b + c).floor_div(b), a + c.floor_div(b)),
    (d.floor_div(over(d, h)), h),
    (d.mod(over(d, h)), Dim.of(0)),
    ((5 * T + 16).mod(8), (5 * T).mod(8)),
    ((6 * T).mod(4), 2 * T.mod(2)),
    ((a * b + c).mod(b), c.mod(b)),
    ((a * c).mod(b * c), c * a.mod(b)),
    (Dim.of(-7).mod(3), Dim.of(2)),
    (Dim.minimum(T, T + 1), T),
    (Dim.maximum(T, T + 1), T + 1),
    (Dim.minimum(2 * T, 2 * w), 2 * Dim.minimum(w, T)),
    (Dim.minimum(Dim.minimum(a, b), c), Dim.minimum(a, Dim.minimum(c, b))),
    (Dim.maximum(a, a), a),
    (Dim.minimum(3, 5), Dim.of(3)),
    (product([a, 2, b]), 2 * a * b),
    (product([]), Dim.of(1)),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=[str(right) for _, right in SAME])
def test_normal_form_makes_them_the_same(one: Dim, other: Dim) -> None:
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == str(other)


def test_a_sum_over_a_product_does_not_split_into_parts_that_are_not_whole() -> None:
    # With d·g + h divisible by h·g, neither d/h nor 1/g need be whole.
    assert str(over(d * g + h, h * g)) == "(d·g + h)/(g·h)"


def test_a_constant_is_its_integer() -> None:
    assert Dim.of(768) == 768
    assert hash(Dim.of(768)) == hash(768)
    assert Dim.of(768).constant == 768
    assert Dim.of(0).constant == 0
    assert d.constant is None
    assert d != 768


def test_parts_of_a_size() -> None:
    size = 1 + over(H, p) * over(W, p)
    assert size.symbols == {"H", "W", "p"}
    assert [type(atom) for atom in size.atoms] == [Quotient, Quotient]
    assert size.terms[()] == 1
    assert d.name == "d"
    assert (2 * d).name is None
    assert (d * d).name is None
    assert over(d, h).name is None


def test_atoms_that_are_equal_are_one_object() -> None:
    assert Symbol("d") is Symbol("d")
    assert Quotient(d, h) is Quotient(d, h)
    assert [type(size.atoms[0]) for size in (a.floor_div(b), a.mod(b))] == [Floor, Mod]
    assert [type(size.atoms[0]) for size in (Dim.minimum(a, b), Dim.maximum(a, b))] == [Min, Max]


def test_copies_are_equal() -> None:
    size = 1 + over(H, p) * Dim.minimum(T, w) + T.floor_div(3)
    assert pickle.loads(pickle.dumps(size)) == size
    assert copy.deepcopy(size) == size


def test_integers_that_carry_more_than_their_value_become_plain() -> None:
    class Located(int):
        pass

    constant = Dim.of(Located(7919)).constant
    assert type(constant) is int


def test_value() -> None:
    size = 1 + over(H, p) * over(W, p)
    assert size.value({"H": 224, "W": 224, "p": 16}) == 197


def test_value_needs_every_symbol() -> None:
    with pytest.raises(UnboundSymbol) as caught:
        (d + h).value({"d": 1})
    assert caught.value.name == "h"
    assert str(caught.value) == "h has no value"


def test_value_needs_whole_quotients() -> None:
    with pytest.raises(Indivisible) as caught:
        over(d, h).value({"d": 768, "h": 10})
    assert (caught.value.num, caught.value.den) == (d, h)
    assert caught.value.values == (768, 10)
    assert str(caught.value) == "768 is not a multiple of 10"


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda: over(768, 10), "768 is not a multiple of 10"),
        (lambda: over(d, h).subs({"d": 768, "h": 10}), "768 is not a multiple of 10"),
        (lambda: over(d, 0), "d cannot be divided by zero"),
        (lambda: d.floor_div(0), "d cannot be divided by zero"),
        (lambda: d.mod(h - h), "d cannot be divided by zero"),
        (lambda: d.floor_div(h).value({"d": 3, "h": 0}), "d cannot be divided by zero"),
    ],
)
def test_known_numbers_must_divide(compute: Callable[[], object], message: str) -> None:
    with pytest.raises(Indivisible) as caught:
        compute()
    assert str(caught.value) == message


def test_a_sum_that_is_never_whole_is_left_to_the_checks() -> None:
    assert str(over(4 * T + 6, 4)) == "(2·T + 3)/2"


def test_subs_replaces_all_at_once() -> None:
    assert (a + 2 * b).subs({"a": b, "b": a}) == b + 2 * a
    assert over(d, h).subs({"d": 768}) == over(768, h)
    assert over(d, h).subs({"h": 1}) == d
    assert over(d, h).subs({"d": 12 * k * n, "h": k}) == 12 * n
    assert Dim.minimum(T, w).subs({"T": w + 1}) == w
    assert T.mod(8).subs({"T": 8 * k + 3}) == 3
    assert d.subs({"h": 3}) is d


@pytest.mark.parametrize(
    "compute",
    [
        lambda: (a + b + c) ** 50,
        lambda: Dim.of(2) ** 10**9,
        lambda: Dim.of(10**200),
        lambda: d**65,
        lambda: sum((sym(f"x{i}") for i in range(601)), Dim.of(0)),
        lambda: _nested(30),
        lambda: Dim.minimum(*(sym(f"x{i}") * (i + 1) for i in range(99))),
    ],
    ids=["terms", "exponent", "number", "degree", "sum", "depth", "extremes"],
)
def test_hostile_sizes_are_refused(compute: Callable[[], Dim]) -> None:
    with pytest.raises(TooComplex):
        compute()


def _nested(depth: int) -> Dim:
    size = a
    for _ in range(depth):
        size = (size * size + 1).floor_div(b)
    return size


def test_powers_of_one_are_cheap() -> None:
    assert Dim.of(1) ** 10**9 == 1
    assert Dim.of(-1) ** (10**9 + 1) == -1
    assert Dim.of(0) ** 10**9 == 0


def test_a_negative_power_is_refused() -> None:
    with pytest.raises(ValueError, match="a size has no negative power"):
        d**-1
