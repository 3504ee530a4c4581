"""Sizes and rates: what they mean, what they refuse, and where their names stand."""

import pytest

from tfspec.spec.expression import ExpressionError, parse_rate, parse_size
from tfspec.spec.source import parse_text, plain
from tfspec.spec.wrong import Wrong
from tfspec.symbolic.dim import Dim, sym

ENV = {name: sym(name) for name in ("d", "h", "T", "width")}


@pytest.mark.parametrize(
    ("text", "ascii"),
    [
        ("7", "7"),
        ("d", "d"),
        ("4 * width", "4*width"),
        ("d / h * h", "d"),
        ("d + 2 * h - d", "2*h"),
        ("-d + d + 1", "1"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ** 2 + 5", "1"),
        ("(d + 1) ** 2 - d ** 2 - 2 * d", "1"),
        ("7 // 2 + 7 % 2", "4"),
        ("6 / 3 * d", "2*d"),
        ("2**17", "131072"),
    ],
)
def test_size(text: str, ascii: str) -> None:
    assert parse_size(text).dim(ENV).ascii() == ascii


def test_equal_trees_are_equal() -> None:
    assert parse_size("4*d") == parse_size("4 * d")
    assert hash(parse_size("(4)*d")) == hash(parse_size("4 * d"))
    assert parse_size("d*4") != parse_size("4*d")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a size cannot be read: the text ends where a number, a name or a parenthesis should be"),
        ("a b", "a size cannot be read: `b` stands where an operator or the end should be"),
        ("a[0]", "a size cannot be read: `[` stands where an operator or the end should be"),
        ("(a", "a size cannot be read: the text ends where `)` to close the parenthesis should be"),
        ("a.b", "a size cannot be read: `a.b` stands where a number, a name or a parenthesis should be"),
        ("d²", "a size cannot be read: `²` stands where an operator or the end should be"),
        ("__import__('os')", "a size has no function `__import__`"),
        ("\x1b[31m", "a size cannot be read: `\\x1b` stands where a number, a name or a parenthesis should be"),
        ("1.5 * d", "a size is a whole number, and 1.5 is not"),
        ("7 / 2", "7 / 2 is not a whole number"),
        ("d / 0", "a size that divides by zero"),
        ("d % (1 - 1)", "a size that divides by zero"),
        ("2 ** d", "an exponent in a size is a number, not a dim"),
        ("d ** -1", "an exponent in a size is from 0 to 16, and -1 is not"),
        ("10 ** 16", "a size is at most 2**53"),
        ("9007199254740993", "a size is at most 2**53"),
        ("+".join("d" * 300), "a size is too long: 599 characters, and 400 are allowed"),
        ("-" * 60 + "1", "a size has more than 50 parentheses in one another"),
    ],
)  # fmt: skip
def test_bad_size(text: str, message: str) -> None:
    with pytest.raises(Wrong) as caught:
        parse_size(text)
    assert [each.message for each in caught.value.diagnostics] == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("d / (h - h)", "a size that divides by zero"),
        ("(d + h + T) ** 16 * (d - h) ** 16 * (d + 1) ** 16 * (h + 1) ** 16 * (T + 1) ** 16",
         "(d + h + T) ** 16 * (d - h) ** 16 * (d + 1) ** 16 * (h + 1) ** 16 * (T + 1) ** 16 "
         "expands to too many terms or too large numbers"),
    ],
)  # fmt: skip
def test_size_without_value(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_size(text).dim(ENV)
    assert caught.value.diagnostic.message == message


def test_exact_division_of_constants() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_size("d / h").dim({"d": Dim.of(768), "h": Dim.of(10)})
    assert caught.value.diagnostic.message == "768 / 10 is not a whole number"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("d ** 0.5", 8.0),
        ("d ** -0.5", 0.125),
        ("0.2 * i / (n - 1)", 0.1),
        ("1 / 2", 0.5),
        ("1e-12", 1e-12),
        ("7 // 2 + 7 % 2", 4.0),
        (".5 + 1.", 1.5),
    ],
)
def test_rate(text: str, value: float) -> None:
    assert parse_rate(text).real({"d": 64, "i": 1, "n": 3}) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / (n - n)", "1 / (n - n) has no value: it divides by zero"),
        ("(0 - n) ** 0.5", "(0 - n) ** 0.5 has no value: it is not a real number"),
        ("(0 - n) ** 0.5 % 2", "(0 - n) ** 0.5 % 2 has no value: it is not a real number"),
        ("9.0 ** 9 ** 9", "9.0 ** 9 ** 9 has no value: it overflows"),
        ("1e308 * 10", "1e308 * 10 has no value: it is not a real number"),
    ],
)
def test_rate_without_value(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_rate(text).real({"n": 3})
    assert caught.value.diagnostic.message == message


def test_names_know_their_places() -> None:
    source, _ = parse_text("a:\n  b: 4 * width + dd\n")
    assert source.root is not None
    size = parse_size(plain(source.root)["a"]["b"])
    places = [(each.name, each.span.line, each.span.column) for each in size.places()]
    assert places == [("width", 2, 10), ("dd", 2, 18)]
