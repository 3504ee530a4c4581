"""What bare words mean, and where everything stands."""

import math
from typing import Any

import pytest

from tests.source.cases import PARSERS
from tfspec.diagnostics import Span
from tfspec.spec import yaml_reader
from tfspec.spec.nodes import Mapping, Node, Scalar, Sequence
from tfspec.spec.scalars import resolve
from tfspec.spec.source import LocatedDict, LocatedStr, parse_text, plain


@pytest.fixture(autouse=True, params=PARSERS)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test holds for both parsers."""
    monkeypatch.setattr(yaml_reader, "LOADER", PARSERS[request.param])


def root_of(text: str) -> Mapping:
    """The root of a text that is fine."""
    source, found = parse_text(text, "a.yaml")
    assert found == []
    assert source.root is not None
    return source.root


def values(text: str) -> LocatedDict:
    """The plain values of a text that is fine."""
    return plain(root_of(text))


def at(line: int, column: int, end_column: int) -> Span:
    """A place on one line."""
    return Span("a.yaml", line, column, line, end_column)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("none", "none"),
        ("no", "no"),
        ("No", "No"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("n", "n"),
        ("0", 0),
        ("768", 768),
        ("-1", -1),
        ("+1", 1),
        ("010", "010"),
        ("0x10", "0x10"),
        ("0o17", "0o17"),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1,000", "1,000"),
        ("1:30", "1:30"),
        ("2017-06-12", "2017-06-12"),
        ("1..512", "1..512"),
        ("1.", 1.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1e-12", 1e-12),
        ("1E5", 1e5),
        ("1.5e+3", 1500.0),
        ("120e6", 120e6),
        ("01.5", 1.5),
        (".", "."),
        ("..", ".."),
        ("-", "-"),
        ("+", "+"),
        ("e5", "e5"),
        ("1e", "1e"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("9" * 100, int("9" * 100)),
        ("9" * 101, "9" * 101),
        ("9" * 10_000, "9" * 10_000),
        ("1." + "0" * 10_000, "1." + "0" * 10_000),
        ("\u0663", "\u0663"),
        ("4 * width", "4 * width"),
        ("-d", "-d"),
    ],
)
def test_words(text: str, value: object) -> None:
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN", "1e999", "-1e999"])
def test_words_that_are_not_finite_come_out_as_such(text: str) -> None:
    found = resolve(text)
    assert isinstance(found, float)
    assert not math.isfinite(found)


@pytest.mark.parametrize("text", ['"768"', "'768'", '"true"', '"null"', '"1e-12"', '".inf"', '""'])
def test_quoted_words_are_texts(text: str) -> None:
    assert values(f"a: {text}\n")["a"] == text[1:-1]


def test_keys_are_texts() -> None:
    found = values("{on: 1, no: 2, 3: 4, true: 5, null: 6, 1e3: 7}")
    assert list(found) == ["on", "no", "3", "true", "null", "1e3"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: >-\n  one\n  two\n", {"a": "one two"}),
        ("a:\n- 1\n- 2\n", {"a": [1, 2]}),
        ("a: [1, [2, {b: c}]]\n", {"a": [1, [2, {"b": "c"}]]}),
        ("a:\nb: 1\n", {"a": None, "b": 1}),
        ("a: {b, c: }\n", {"a": {"b": None, "c": None}}),
        ("---\na: 1\n...\n", {"a": 1}),
        ("# c\na: 1 # d\n", {"a": 1}),
        ('"<<": 1\n', {"<<": 1}),
        ("a: &x 1\nb: *x\n", {"a": 1, "b": 1}),
        ("&k a: 1\nb: *k\n", {"a": 1, "b": "a"}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("{}\n", {}),
        ("about: '[bold]it''s [/bold]'\n", {"about": "[bold]it's [/bold]"}),
    ],
)
def test_structure(text: str, value: Any) -> None:
    assert values(text) == value


def test_spans_of_a_flow_mapping() -> None:
    root = root_of('dims: {d: 768, h: "12"}\n')
    dims = root.get("dims")
    assert isinstance(dims, Mapping)
    assert dims.span == at(1, 7, 24)
    spans = [(key.span, value.span) for key, value in dims.entries]
    assert spans == [(at(1, 8, 9), at(1, 11, 14)), (at(1, 16, 17), at(1, 19, 23))]


def test_spans_of_blocks_end_with_their_last_value() -> None:
    root = root_of("blocks:\n  layer:\n    do:\n      - norm\n      - ffn\n\n\n# end\noutputs: x\n")
    blocks = root.get("blocks")
    assert blocks is not None
    assert blocks.span == Span("a.yaml", 2, 3, 5, 12)
    assert root.span == Span("a.yaml", 1, 1, 9, 11)


def test_an_empty_value_stands_at_its_key_and_colon() -> None:
    found = values("a:\nb: {c: }\n")
    assert found.value_spans["a"] == at(1, 1, 3)
    assert found["b"].value_spans["c"] == at(2, 5, 7)
    assert values("{a, b: 1}").value_spans["a"] == at(1, 2, 3)


def test_columns_count_characters() -> None:
    assert values("{日本: 1, b: 2}").key_spans["b"] == at(1, 9, 10)
    assert values("a: 1\x85b: 2\u2028c: 3\r\nd: 4\re: 5\n").key_spans["e"] == at(5, 1, 2)


def test_located_values() -> None:
    found = values("a: [1, 2.5, x, true, null]\nb: {c: y}\n")
    spans = [at(1, 5, 6), at(1, 8, 11), at(1, 13, 14), at(1, 16, 20), at(1, 22, 26)]
    assert found["a"].item_spans == spans
    assert [item.span for item in found["a"][:3]] == spans[:3]
    assert found["a"].span == found.value_spans["a"] == at(1, 4, 27)
    assert found["b"].span == at(2, 4, 10)
    assert [key.span for key in found] == list(found.key_spans.values())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 4 * width\n", at(1, 8, 13)),
        ('a: "4 * width"\n', at(1, 9, 14)),
        ("a: '4 * width'\n", at(1, 9, 14)),
        ('a: "4 * \\x77idth"\n', at(1, 4, 18)),
        ("a: &x 4 * width\n", at(1, 4, 16)),
        ("a: 4 *\n  width\n", Span("a.yaml", 1, 4, 2, 8)),
        ("a: |-\n  4 * width\n", Span("a.yaml", 1, 4, 3, 1)),
    ],
)
def test_a_part_of_a_text_where_it_stands_literally(text: str, place: Span) -> None:
    value = values(text)["a"]
    assert isinstance(value, LocatedStr)
    assert value == "4 * width"
    assert value.part(4, 9) == place


def test_an_alias_shows_where_it_is_used_and_where_it_is_written() -> None:
    found = values("a: &x {k: [1, y]}\nb: *x\n")
    inner = found["b"]["k"]
    assert inner == [1, "y"]
    assert {inner.span, inner[0].span, inner[1].part(0, 1), found["b"].span} == {at(2, 4, 6)}
    assert inner[1].span.origin == at(1, 15, 16)
    assert found["a"]["k"].span == at(1, 11, 17)


def test_an_alias_of_an_alias_leads_to_the_text() -> None:
    found = values("a: &x 1\nb: &y [*x]\nc: *y\n")
    assert found["c"][0].span == at(3, 4, 6)
    assert found["c"][0].span.origin == at(1, 4, 8)


def test_reading_goes_on_after_a_mistake() -> None:
    source, found = parse_text("a: {b: 1, b: 2, <<: {}, c: !x 3}\nd: [e:f]\n", "a.yaml")
    assert [each.code for each in found] == ["TS010", "TS011", "TS012", "TS014"]
    assert source.root is not None
    assert plain(source.root) == {"a": {"b": 1, "c": 3}, "d": ["e:f"]}


def test_nodes_are_values() -> None:
    assert root_of("a: [1]\n") == root_of("a: [1]\n")
    assert hash(root_of("a: [1]\n")) == hash(root_of("a: [1]\n"))
    root = root_of("a: [1]\n")
    a, b = root.get("a"), root.get("b")
    assert isinstance(a, Sequence)
    assert b is None
    assert root.key("a") == Scalar(at(1, 1, 2), "a", "a", 1)


def test_every_bundled_spec_reads(request: pytest.FixtureRequest) -> None:
    paths = sorted((request.config.rootpath / "specs").glob("*.yaml"))
    assert paths
    for path in paths:
        source, found = parse_text(path.read_text(), path.name)
        assert (path.name, found) == (path.name, [])
        assert source.root is not None
        check_places(source.root, source.text.split("\n"))


def check_places(node: Node, lines: list[str]) -> None:
    """Each scalar's text stands where its span says."""
    if isinstance(node, Mapping):
        for key, value in node.entries:
            check_places(key, lines)
            check_places(value, lines)
    elif isinstance(node, Sequence):
        for item in node.items:
            check_places(item, lines)
    elif node.content_column is not None:
        start = node.content_column - 1
        assert lines[node.span.line - 1][start : start + len(node.text)] == node.text
