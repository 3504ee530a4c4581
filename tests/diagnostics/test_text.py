"""Messages as a terminal shows them: whole, for ordinary texts and for hostile ones."""

from textwrap import dedent

import pytest

from tfspec.diagnostics import Diagnostic, Label, Rule, Span
from tfspec.diagnostics.excerpt import cells, excerpt
from tfspec.diagnostics.rule import RULES
from tfspec.diagnostics.text import render

RULE = Rule("TS998", "a rule of this test", "what", "why", "example", "mend")
del RULES["TS998"]

BERT = dedent("""\
    tfspec: 1
    name: bert-base
    about: BERT-base, uncased
    dims: {B: batch, T: 1..512, V: 30522, d: 768, h: 10}
    inputs:
      tokens: ids(V) B T
      segments: ids(2) B T
      valid: bool B T
    blocks:
      layer:
        norm: {at: post, eps: 1e-12}
        do:
          - attend: {heads: h, mask: key.valid}
    """)
HEADS = Diagnostic(
    RULE,
    "width 768 cannot be split into 10 heads",
    Label(Span("bert.yaml", 13, 25, 13, 26), "h = 10, and 768 = 10 × 76 + 8"),
    (Label(Span("bert.yaml", 4, 39, 4, 45), "the width comes from here"),),
    ("heads that divide 768: 1, 2, 3, 4, 6, 8, 12", "or give head_dim"),
)


def whole(text: str) -> str:
    """A message as it stands indented in a test."""
    return dedent(text).strip("\n") + "\n"


def say(span: Span, text: str, label: str = "here") -> str:
    """A short message about one place of `a.yaml`."""
    return render([Diagnostic(RULE, "wrong", Label(span, label))], {"a.yaml": text})


def at(column: int, end_column: int) -> Span:
    """A place on the first line of `a.yaml`."""
    return Span("a.yaml", 1, column, 1, end_column)


def test_the_example_of_the_language() -> None:
    assert render([HEADS], {"bert.yaml": BERT}) == whole("""
        error[TS998]: width 768 cannot be split into 10 heads
          --> bert.yaml:13:25
           |
        13 |       - attend: {heads: h, mask: key.valid}
           |                         ^ h = 10, and 768 = 10 × 76 + 8
           |
         4 | dims: {B: batch, T: 1..512, V: 30522, d: 768, h: 10}
           |                                       ------ the width comes from here
           = help: heads that divide 768: 1, 2, 3, 4, 6, 8, 12
           = help: or give head_dim
    """)


def test_several_severities_with_an_empty_line_between() -> None:
    warning = Diagnostic(RULE, "odd", Label(Span("a.yaml", 1, 1, 1, 2)), severity="warning")
    note = Diagnostic(RULE, "by the way", None, notes=("one",), help=("two",), severity="note")
    assert render([warning, note], {"a.yaml": "name: a\n"}) == whole("""
        warning[TS998]: odd
         --> a.yaml:1:1
          |
        1 | name: a
          | ^

        note[TS998]: by the way
          = note: one
          = help: two
    """)


def test_nothing_to_say() -> None:
    assert render([], {}) == ""


def test_places_on_one_line_share_it() -> None:
    labels = (Label(at(11, 14), "this one"), Label(at(16, 17)))
    shown = render(
        [Diagnostic(RULE, "wrong", Label(at(8, 9), "here"), labels)],
        {"a.yaml": "dims: {d: 768, h: 10}"},
    )
    assert shown == whole("""
        error[TS998]: wrong
         --> a.yaml:1:8
          |
        1 | dims: {d: 768, h: 10}
          |        ^ here
          |           --- this one
          |                -
    """)


def test_places_in_several_files() -> None:
    other = Label(Span("base.yaml", 12, 1, 12, 3), "from here")
    shown = render(
        [Diagnostic(RULE, "wrong", Label(at(1, 2), "here"), (other,))],
        {"a.yaml": "x: 1", "base.yaml": "\n" * 11 + "yy: 1\n"},
    )
    assert shown == whole("""
        error[TS998]: wrong
          --> a.yaml:1:1
           |
         1 | x: 1
           | ^ here
          ::: base.yaml:12:1
           |
        12 | yy: 1
           | -- from here
    """)


def test_a_file_without_text_at_hand() -> None:
    assert render([HEADS], {}) == whole("""
        error[TS998]: width 768 cannot be split into 10 heads
         --> bert.yaml:13:25
          = note: h = 10, and 768 = 10 × 76 + 8
          = note: the width comes from here
          = help: heads that divide 768: 1, 2, 3, 4, 6, 8, 12
          = help: or give head_dim
    """)


def test_a_whole_file() -> None:
    assert say(Span.whole("a.yaml"), "", "") == whole("""
        error[TS998]: wrong
         --> a.yaml
    """)


def test_an_alias_leads_to_its_text() -> None:
    used = Span("a.yaml", 2, 4, 2, 6, Span("a.yaml", 1, 7, 1, 10))
    assert say(used, "a: &x 768\nb: *x\n") == whole("""
        error[TS998]: wrong
         --> a.yaml:2:4
          |
        2 | b: *x
          |    ^^ here
          |
        1 | a: &x 768
          |       --- the alias stands for this
    """)


def test_a_place_over_several_lines_shows_its_first() -> None:
    assert say(Span("a.yaml", 1, 4, 3, 2), "a: [1,   \n 2,\n]\n") == whole("""
        error[TS998]: wrong
         --> a.yaml:1:4
          |
        1 | a: [1,
          |    ^^^ here
    """)


@pytest.mark.parametrize("column", [5, 9, 10_000])
def test_a_place_past_the_end_of_the_line(column: int) -> None:
    assert say(at(column, column), "a: 1\nb: 2") == whole(f"""
        error[TS998]: wrong
         --> a.yaml:1:{column}
          |
        1 | a: 1
          |     ^ here
    """)


def test_a_place_past_the_end_of_the_text() -> None:
    assert say(Span("a.yaml", 9, 1, 9, 2), "a: 1\n") == whole("""
        error[TS998]: wrong
         --> a.yaml:9:1
          = note: here
    """)


@pytest.mark.parametrize(
    ("line", "place", "shown", "under"),
    [
        ("\ta:\tx", (5, 6), "    a:    x", "          ^"),
        ("\tx", (1, 2), "    x", "^^^^"),
        ("日本: x", (5, 6), "日本: x", "      ^"),
        ("a: 日本", (4, 6), "a: 日本", "   ^^^^"),
        ("e\u0301: x", (5, 6), "e\u0301: x", "   ^"),
        ("😀 x", (3, 4), "😀 x", "   ^"),
        ("a: [bold]x[/bold]", (10, 11), "a: [bold]x[/bold]", "         ^"),
        ("a: [d, h]", (8, 9), "a: [d, h]", "       ^"),
        ("a: \x1b[31mx", (9, 10), r"a: \x1b[31mx", "           ^"),
        ("a: \x00\x07\x7f\x9b x", (9, 10), r"a: \x00\x07\x7f\x9b x", " " * 20 + "^"),
        ("a: \u202ex\u2066", (5, 6), r"a: \u202ex\u2066", "         ^"),
        ("a: \u200b\ufeff\xad\xa0x", (8, 9), r"a: \u200b\ufeff\xad\xa0x", " " * 23 + "^"),
        ("a: \ud800x", (5, 6), r"a: \ud800x", "         ^"),
        ("a: \U000e0041x", (5, 6), r"a: \U000e0041x", "             ^"),
        ("a: \x0bx\x0cy", (5, 6), r"a: \x0bx\x0cy", "       ^"),
    ],
)
def test_what_is_underlined_stands_above(
    line: str, place: tuple[int, int], shown: str, under: str
) -> None:
    assert say(at(*place), line).splitlines()[3:] == [f"1 | {shown}", f"  | {under} here"]


LONG = "abcdefghij" * 1000


@pytest.mark.parametrize(
    ("place", "shown", "under"),
    [
        ((1, 2), "abcdefghij" * 10 + "…", "^"),
        ((41, 43), "abcdefghij" * 10 + "…", " " * 40 + "^^"),
        ((51, 53), "…" + "abcdefghij" * 10 + "…", " " * 41 + "^^"),
        ((9991, 9993), "…" + "abcdefghij" * 5, " " * 41 + "^^"),
        ((10_001, 10_001), "…" + "abcdefghij" * 4, " " * 41 + "^"),
        ((51, 9000), "…" + "abcdefghij" * 10 + "…", " " * 41 + "^" * 60),
    ],
)
def test_a_long_line_is_cut_around_the_place(
    place: tuple[int, int], shown: str, under: str
) -> None:
    assert say(at(*place), LONG).splitlines()[3:] == [f"1 | {shown}", f"  | {under} here"]


@pytest.mark.parametrize("char", ["日", "\x1b", "\u202e", "\t", "\u0301"])
def test_a_long_line_of_anything_stays_short(char: str) -> None:
    for start in (0, 1, 500, 99_999):
        part = excerpt(char * 100_000, start, start + 100_000)
        assert cells(part.text) <= 12 * 50 + 100
        assert len(part.text) <= 12 * 50 + 100
        assert part.offset + part.width <= cells(part.text) + 1


def test_texts_of_a_message_are_text() -> None:
    hostile = "`a\nb\x1b[2J\u202e[red]`"
    harmless = r"`a\nb\x1b[2J\u202e[red]`"
    label = Label(at(1, 2), hostile)
    found = Diagnostic(RULE, hostile, label, (label,), (hostile,), (hostile,))
    assert render([found], {"a.yaml": "x: 1"}) == whole(rf"""
        error[TS998]: {harmless}
         --> a.yaml:1:1
          |
        1 | x: 1
          | ^ {harmless}
          | - {harmless}
          = note: {harmless}
          = help: {harmless}
    """)


def test_long_texts_of_a_message_are_cut() -> None:
    shown = render([Diagnostic(RULE, "x" * 100_000, None)], {})
    assert shown == f"error[TS998]: {'x' * 599}…\n"


def test_a_hundred_messages_are_enough() -> None:
    many = [Diagnostic(RULE, f"wrong {number}", None) for number in range(250)]
    shown = render(many, {})
    assert shown.count("error[TS998]") == 100
    assert shown.endswith("error[TS998]: wrong 99\n\n… and 150 more\n")


def test_color() -> None:
    shown = render([HEADS], {"bert.yaml": BERT}, color=True)
    assert shown.splitlines()[:5] == [
        "\x1b[1;31merror[TS998]\x1b[0m\x1b[1m: width 768 cannot be split into 10 heads\x1b[0m",
        "  \x1b[34m-->\x1b[0m bert.yaml:13:25",
        "   \x1b[34m|\x1b[0m",
        "\x1b[34m13 |\x1b[0m       - attend: {heads: h, mask: key.valid}",
        f"   \x1b[34m|\x1b[0m {' ' * 24}\x1b[1;31m^ h = 10, and 768 = 10 × 76 + 8\x1b[0m",
    ]


def test_color_changes_no_text() -> None:
    import re

    colored = render([HEADS], {"bert.yaml": BERT}, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render([HEADS], {"bert.yaml": BERT})
