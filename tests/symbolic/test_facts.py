"""The prover on claims that specs make: proofs, counterexamples, and mends."""

from __future__ import annotations

import pytest

from tfspec.symbolic import (
    Answer,
    AtLeast,
    Batch,
    Claim,
    Dim,
    Divides,
    Equal,
    Facts,
    Fixed,
    Multiple,
    Proved,
    Range,
    Refuted,
    Unknown,
    divisors,
    sym,
)
from tfspec.symbolic.mending import nearest_divisor

B, H, S, T, W, d, e, g, h, p, rows, w = (
    sym(name) for name in ("B", "H", "S", "T", "W", "d", "e", "g", "h", "p", "rows", "w")
)
FACTS = Facts(
    {
        "B": Batch(),
        "H": Multiple(8),
        "S": Range(5, 5),
        "T": Range(1, 1024),
        "W": Multiple(32),
        "d": Fixed(768),
        "e": Fixed(768),
        "g": Fixed(10),
        "h": Fixed(12),
        "p": Fixed(16),
        "rows": Fixed(512),
        "w": Range(1, 300),
    }
)


def over(num: Dim, den: Dim | int) -> Dim:
    return num.exact_div(den)


def least(*sizes: Dim | int) -> Dim:
    return Dim.minimum(*sizes)


def claim(kind: type[Claim], left: Dim | int, right: Dim | int) -> Claim:
    return kind(Dim.of(left), Dim.of(right))


ALGEBRA = Proved("by algebra")
BOUNDS = Proved("by bounds and residues")
VALUE = Proved("by value")

ANSWERS: list[tuple[Claim, Answer]] = [
    # Sizes agree by their form, by their value, or not at all.
    (claim(Equal, h * over(d, h), d), ALGEBRA),
    (claim(Equal, d, e), VALUE),
    (claim(Equal, S, 5), VALUE),
    (claim(Equal, d, g), Refuted({}, "d: 10")),
    (claim(Equal, T, 512), Refuted({"T": 1}, "T: 512")),
    (claim(Equal, T, 2048), Refuted({"T": 1})),
    (claim(Equal, T, w), Refuted({"T": 2, "w": 1})),
    (claim(Equal, B, T), Refuted({"B": 2, "T": 1})),
    (claim(Equal, W.floor_div(p), over(W, p)), ALGEBRA),
    (claim(Equal, T - T.mod(8), 8 * T.floor_div(8)), ALGEBRA),
    (claim(Equal, least(T, w) + Dim.maximum(T, w), T + w), BOUNDS),
    (claim(Equal, least(w, 300), w), BOUNDS),
    # Divisibility: fixed, by multiples, by residues.
    (claim(Divides, h, d), VALUE),
    (claim(Divides, g, d), Refuted({}, "g: 8")),
    (claim(Divides, 10, d), Refuted({}, "d: 770")),
    (claim(Divides, 2, over(d, h)), VALUE),
    (claim(Divides, p, H), Refuted({"H": 8}, "H: multiple(16)")),
    (claim(Divides, p, W), ALGEBRA),
    (claim(Divides, 256, H * W), ALGEBRA),
    (claim(Divides, 512, H * W), Refuted({"H": 8, "W": 32}, "H: multiple(16)")),
    (claim(Divides, 4, over(H, 8)), Refuted({"H": 8}, "H: multiple(32)")),
    (claim(Divides, 10, T), Refuted({"T": 1}, "T: multiple(10) <= 1024")),
    (claim(Divides, 4, 4 * T + 6), Refuted({"T": 1})),
    (claim(Divides, 2, B), Refuted({"B": 1})),
    (claim(Divides, B, B * T), ALGEBRA),
    (claim(Divides, T + 1, T * T - 1), ALGEBRA),
    (claim(Divides, over(W, p), W), ALGEBRA),
    (claim(Divides, T, w), Refuted({"T": 2, "w": 1})),
    (claim(Divides, 2, T * (T + 1)), Proved("by trying all 2 cases")),
    (claim(Divides, 6, B * (B + 1) * (2 * B + 1)), Proved("by trying all 6 cases")),
    (claim(Divides, 8, least(H, W)), ALGEBRA),
    (claim(Divides, 2, T.floor_div(2) + (T + 1).floor_div(2) + T), Proved("by trying all 4 cases")),
    # Bounds: tables, windows, positions.
    (claim(AtLeast, 512, T), Refuted({"T": 513}, "T: 1..512")),
    (claim(AtLeast, rows, T), Refuted({"T": 513}, "T: 1..512")),
    (claim(AtLeast, 1024, T), BOUNDS),
    (claim(AtLeast, T, 16), Refuted({"T": 1}, "T: 16..1024")),
    (claim(AtLeast, H, 224), Refuted({"H": 8}, "H: multiple(224)")),
    (claim(AtLeast, 1000, B), Refuted({"B": 1001})),
    (claim(AtLeast, rows, d), Refuted({}, "rows: 768")),
    (claim(AtLeast, T, least(T, w)), BOUNDS),
    (claim(AtLeast, 2 * T, least(T, w) + T), BOUNDS),
    (claim(AtLeast, T - 1, 1), Refuted({"T": 1}, "T: 2..1024")),
    (claim(AtLeast, (T - 1).floor_div(2) + 1, 1), BOUNDS),
    (claim(AtLeast, (W - p).floor_div(p) + 1, 2), BOUNDS),
    (claim(AtLeast, B * T, T), BOUNDS),
    (claim(AtLeast, T * T - 4 * T + 5, 1), Proved("by trying all 1024 cases")),
    # Neither.
    (
        claim(AtLeast, T * T, T * w - w * w),
        Unknown("no proof and no counterexample for T, w"),
    ),
    (claim(AtLeast, over(d, g), 1), Unknown("768 is not a multiple of 10")),
    (claim(Equal, sym("zz"), T), Unknown("zz has no declared values")),
]


@pytest.mark.parametrize(
    ("claim", "answer"), ANSWERS, ids=[f"{type(c).__name__}: {c}" for c, _ in ANSWERS]
)
def test_answer(claim: Claim, answer: Answer) -> None:
    assert FACTS.decide(claim) == answer


def test_the_questions_are_the_claims() -> None:
    assert FACTS.equal(d, e) == VALUE
    assert FACTS.equal(T, T) == ALGEBRA
    assert FACTS.divides(p, H) == Refuted({"H": 8}, "H: multiple(16)")
    assert FACTS.at_least(512, T) == Refuted({"T": 513}, "T: 1..512")
    assert FACTS.positive(T) == BOUNDS


def test_an_assumption_takes_on_what_is_unknown_and_nothing_else() -> None:
    unknown = claim(AtLeast, T * T, T * w - w * w)
    false = claim(AtLeast, 512, T)
    facts = Facts(FACTS.domains, assume=[unknown, false])
    assert facts.decide(unknown) == Proved("assumed")
    assert facts.decide(false) == Refuted({"T": 513}, "T: 1..512")


EXTREMES: list[tuple[Dim, int | None, int | None]] = [
    (d, 768, 768),
    (T, 1, 1024),
    (B, 1, None),
    (H, 8, None),
    (512 - H, None, 504),
    ((T + 1).floor_div(2), 1, 512),
    (least(T, w), 1, 300),
    (B * T - w, -299, None),
    (T.mod(7), 0, 6),
    (100 * T - T * T, -946176, 2500),
    (1 + over(W, p) ** 2, 5, None),
    (over(d, g), None, None),
    (sym("zz"), None, None),
]


@pytest.mark.parametrize(
    ("size", "minimum", "maximum"), EXTREMES, ids=[str(case[0]) for case in EXTREMES]
)
def test_extremes(size: Dim, minimum: int | None, maximum: int | None) -> None:
    assert FACTS.minimum(size) == minimum
    assert FACTS.maximum(size) == maximum


def test_value_and_show() -> None:
    assert FACTS.value(over(d, h)) == 64
    assert FACTS.value(S + 1) == 6
    assert FACTS.value(T) is None
    assert FACTS.value(over(d, g)) is None
    assert FACTS.show(d) == "768 (= d)"
    assert FACTS.show(4 * d) == "3072 (= 4·d)"
    assert FACTS.show(T + 1) == "T + 1"
    assert FACTS.show(12) == "12"


def test_obligations_are_the_quotients_inside_first_the_inner_ones() -> None:
    size = over(H, p) * over(W, p) + over(d, over(H, p) + 1)
    assert [f"{each.den} | {each.num}" for each in FACTS.obligations(size)] == [
        "p | H",
        "p | W",
        "H/p + 1 | d",
    ]


def test_a_counterexample_is_a_point_where_the_claim_as_stated_has_a_value() -> None:
    # 2·(H/16) is H/8 once H = 8·n is known, but H = 8 makes H/16 no whole number.
    facts = Facts({"H": Multiple(8), "two": Fixed(2)})
    answer = facts.equal(sym("two") * over(H, 16), 4)
    assert answer == Refuted({"H": 16})


def test_a_claim_that_outgrows_the_bounds_is_unknown() -> None:
    facts = Facts({"H": Multiple(2**20), "T": Range(1, 2)})
    assert facts.equal(H**60, T) == Unknown("the size has a number of over 512 bits")
    assert facts.maximum(H**60) is None


def test_a_denominator_that_can_be_zero_is_no_bug() -> None:
    assert FACTS.equal(T, over(T, least(w, 0))) == Unknown(
        "no proof and no counterexample for T, w"
    )


def test_divisors() -> None:
    assert divisors(768) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 768]
    assert divisors(36) == [1, 2, 3, 4, 6, 9, 12, 18, 36]
    assert divisors(1) == [1]
    assert nearest_divisor(10, 768) == 8
    assert nearest_divisor(11, 768) == 12
