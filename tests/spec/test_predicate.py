"""Predicates: precedence, what they are made of, what they refuse."""

import pytest

from tfspec.spec.predicate import Causal, Coordinate, Flag
from tfspec.spec.predicate_reader import parse_predicate
from tfspec.spec.wrong import Wrong


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("causal", "causal"),
        ("a or b and not c", "a or b and not c"),
        ("(a or b) and c", "(a or b) and c"),
        ("not (a and b)", "not (a and b)"),
        ("not a and b", "not a and b"),
        ("not key.T == 3", "not key.T == 3"),
        ("causal and within(W + 1)", "causal and within(W + 1)"),
        ("abs(key.H - query.H) <= 5", "abs(key.H - query.H) <= 5"),
        ("1 < key.T < 3", "1 < key.T and key.T < 3"),
        ("query.T // 2 == key.T // 2", "query.T // 2 == key.T // 2"),
        ("query.T - (key.T - 1) > 0", "query.T - (key.T - 1) > 0"),
        ("tokens == -1", "tokens == -1"),
        ("key.T * 2 + 1 != query.T", "key.T * 2 + 1 != query.T"),
        ("((causal))", "causal"),
    ],
)
def test_predicate(text: str, shown: str) -> None:
    predicate = parse_predicate(text)
    assert str(predicate) == shown
    assert parse_predicate(shown) == predicate


def test_names_and_mentions() -> None:
    predicate = parse_predicate("causal and (key.text or within(W + 1)) and key.W == query.W")
    assert predicate.names == {"text", "W"}
    assert [str(each) for each in predicate.mentions()] == ["key.text", "key.W", "query.W"]
    assert [type(each) for each in predicate.mentions()] == [Flag, Coordinate, Coordinate]
    assert isinstance(predicate.tree.conditions[0], Causal)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "3 is a number, where a condition should be"),
        ("abs(key.T)", "abs(key.T) is a number, where a condition should be"),
        ("key.T + 1", "key.T + 1 is a number, where a condition should be"),
        ("causal + 1", "causal is a condition, where a number should be"),
        ("causal == causal", "causal is a condition, where a number should be"),
        ("(a or b) + 1 == 2", "a or b is a condition, where a number should be"),
        ("not 3", "3 is a number, where a condition should be"),
        ("a and 3", "3 is a number, where a condition should be"),
        ("", "a predicate cannot be read: the text ends where a number, a name or a condition should be"),
        ("a b", "a predicate cannot be read: `b` stands where an operator or the end should be"),
        ("causal &", "a predicate cannot be read: `&` stands where an operator or the end should be"),
        ("within", "a predicate cannot be read: the text ends where `(` and a size after `within` should be"),
        ("within(3", "a predicate cannot be read: the text ends where `)` to close `within(` should be"),
        ("self.T == 1", "only `query.` and `key.` have coordinates, and `self.` is neither"),
        ("key.T ** 2 == 1", "a predicate has no operator `**`"),
        ("key.T == 1.5", "a size is a whole number, and 1.5 is not"),
        ("not " * 60 + "a", "a predicate has more than 50 parentheses in one another"),
    ],
)  # fmt: skip
def test_bad_predicate(text: str, message: str) -> None:
    with pytest.raises(Wrong) as caught:
        parse_predicate(text)
    assert [each.message for each in caught.value.diagnostics] == [message]
