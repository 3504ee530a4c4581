"""The values themselves: rules, places, the collector, and what is near a name."""

import subprocess
import sys

import pytest

from tfspec.diagnostics import Diagnostic, Diagnostics, Label, Rule, Span, all_rules, find, nearest
from tfspec.diagnostics import rule as rule_module
from tfspec.diagnostics.escape import quoted


@pytest.fixture
def own_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules made by a test are gone after it."""
    monkeypatch.setattr(rule_module, "RULES", {})


def a_rule(code: str) -> Rule:
    """A rule of a test."""
    return Rule(code, "title", "what", "why", "example", "mend")


@pytest.mark.usefixtures("own_rules")
def test_a_code_is_taken_once() -> None:
    a_rule("TS999")
    with pytest.raises(AssertionError, match="TS999 is taken by 'title'"):
        a_rule("TS999")


@pytest.mark.usefixtures("own_rules")
@pytest.mark.parametrize("code", ["", "TS1", "ts101", "TS1010", "E101"])
def test_a_code_has_a_form(code: str) -> None:
    with pytest.raises(AssertionError, match="a code reads TS000"):
        a_rule(code)


def test_every_rule_tells_its_whole_story() -> None:
    rules = all_rules()
    assert [rule.code for rule in rules] == sorted(rule.code for rule in rules)
    assert len({rule.title for rule in rules}) == len(rules)
    for rule in rules:
        texts = (rule.title, rule.what, rule.why, rule.example, rule.mend)
        assert all(text.strip() == text and text for text in texts), rule.code


@pytest.mark.parametrize("code", ["TS010", "ts010", " Ts010 ", "010"])
def test_find_a_rule_as_it_is_typed(code: str) -> None:
    found = find(code)
    assert found is not None
    assert (found.code, found.title) == ("TS010", "a key twice")


@pytest.mark.parametrize("code", ["", "TS", "TS010x", "10", "E010", "\u0663"])
def test_find_no_rule(code: str) -> None:
    assert find(code) is None


def imported_by(statement: str) -> set[str]:
    """The modules that a statement imports, in a Python of its own."""
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    return set(done.stdout.split())


def test_explaining_imports_no_torch() -> None:
    found = imported_by("from tfspec.diagnostics import all_rules; all_rules()")
    assert "tfspec.spec.yaml_traps" in found
    assert not {name for name in found if name.startswith(("torch", "tfspec.runtime"))}


def test_the_test_of_imports_can_fail() -> None:
    assert "tfspec.diagnostics.machine" in imported_by("import tfspec.diagnostics.machine")


def at(line: int, column: int = 1, file: str = "a.yaml") -> Label:
    """A place one character wide."""
    return Label(Span(file, line, column, line, column + 1))


@pytest.mark.usefixtures("own_rules")
def test_a_collector_sorts_by_place_and_drops_what_is_equal() -> None:
    rule = a_rule("TS999")
    late, early = Diagnostic(rule, "late", at(10)), Diagnostic(rule, "early", at(9, 5))
    other = Diagnostic(rule, "other", at(1, 1, "b.yaml"))
    nowhere = Diagnostic(rule, "nowhere", None)
    found = Diagnostics([late, other, early, Diagnostic(rule, "late", at(10))])
    found.extend([nowhere, early])
    assert list(found) == [nowhere, early, late, other]
    assert len(found) == 4


@pytest.mark.usefixtures("own_rules")
def test_a_collector_is_ok_without_errors() -> None:
    rule = a_rule("TS999")
    found = Diagnostics()
    assert found.ok
    found.add(Diagnostic(rule, "odd", at(1), severity="warning"))
    found.add(Diagnostic(rule, "by the way", at(1), severity="note"))
    assert found.ok
    found.add(Diagnostic(rule, "wrong", at(1)))
    assert not found.ok
    assert [each.message for each in found.errors] == ["wrong"]


def test_spans() -> None:
    span = Span("a.yaml", 2, 3, 2, 5)
    assert str(span) == "a.yaml:2:3"
    assert str(Span.whole("a.yaml")) == "a.yaml"
    assert Span.whole("a.yaml").is_whole
    assert span.to(Span("a.yaml", 4, 1, 4, 9)) == Span("a.yaml", 2, 3, 4, 9)
    assert span == Span("a.yaml", 2, 3, 2, 5, origin=Span("a.yaml", 1, 1, 1, 2))


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("atend", ["attend", "ffn", "norm"], "attend"),
        ("head_dims", ["heads", "head_dim", "v_head_dim"], "head_dim"),
        ("Heads", ["heads", "headz"], "heads"),
        ("LAYERNORM", ["layernorm"], "layernorm"),
        ("width", ["d", "h"], None),
        ("", ["d"], None),
        ("d", [], None),
        ("x" * 10_000, ["x" * 9_999], None),
    ],
)
def test_nearest(name: str, known: list[str], near: str | None) -> None:
    assert nearest(name, known) == near


def test_nearest_takes_no_order_into_account() -> None:
    assert nearest("ab", ["abc", "abd"]) == nearest("ab", ["abd", "abc"])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("heads", "`heads`"),
        ("a\nb", r"`a\nb`"),
        ("\x1b" * 100, "`" + "\\x1b" * 14 + "\\x1…`"),
        ("x" * 61, "`" + "x" * 59 + "…`"),
    ],
)
def test_quoted(name: str, shown: str) -> None:
    assert quoted(name) == shown
