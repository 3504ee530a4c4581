"""Messages for programs: JSON objects and GitHub's workflow lines."""

import json

from tfspec.diagnostics import Diagnostic, Label, Rule, Span
from tfspec.diagnostics.machine import to_github, to_json
from tfspec.diagnostics.rule import RULES

RULE = Rule("TS997", "a rule of this test", "what", "why", "example", "mend")
del RULES["TS997"]

HEADS = Diagnostic(
    RULE,
    "width 768 cannot be split into 10 heads",
    Label(Span("bert.yaml", 13, 25, 13, 26), "h = 10, and 768 = 10 × 76 + 8"),
    (Label(Span("bert.yaml", 4, 39, 4, 45), "the width comes from here"),),
    ("heads that divide 768: 1, 2",),
    ("a note",),
)
MISSING = Diagnostic(RULE, "there is no file", Label(Span.whole("a.yaml")))
HOSTILE = "100%\n::error::a,b:c\x1b[31m\u202e"


def test_json() -> None:
    assert to_json(HEADS) == {
        "code": "TS997",
        "severity": "error",
        "message": "width 768 cannot be split into 10 heads",
        "file": "bert.yaml",
        "line": 13,
        "column": 25,
        "end_line": 13,
        "end_column": 26,
        "notes": [
            "h = 10, and 768 = 10 × 76 + 8",
            "the width comes from here (bert.yaml:4:39)",
            "a note",
        ],
        "help": ["heads that divide 768: 1, 2"],
    }


def test_json_without_a_line() -> None:
    found = to_json(MISSING)
    places = ("file", "line", "column", "end_line", "end_column")
    assert [found[name] for name in places] == ["a.yaml", None, None, None, None]
    nowhere = to_json(Diagnostic(RULE, "wrong", None))
    assert [nowhere[name] for name in places] == [None] * 5


def test_json_keeps_hostile_texts_as_they_are() -> None:
    text = json.dumps(to_json(Diagnostic(RULE, HOSTILE, None)))
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["message"] == HOSTILE


def test_github() -> None:
    assert to_github(HEADS) == (
        "::error title=TS997,file=bert.yaml,line=13,endLine=13,col=25,endColumn=25"
        "::width 768 cannot be split into 10 heads. h = 10, and 768 = 10 × 76 + 8. "
        "the width comes from here (bert.yaml:4:39). a note. help: heads that divide 768: 1, 2"
    )


def test_github_without_a_line() -> None:
    assert to_github(MISSING) == "::error title=TS997,file=a.yaml::there is no file"
    note = Diagnostic(RULE, "by the way", None, severity="note")
    assert to_github(note) == "::notice title=TS997::by the way"
    warning = Diagnostic(RULE, "odd", None, severity="warning")
    assert to_github(warning) == "::warning title=TS997::odd"


def test_github_over_several_lines_has_no_end_column() -> None:
    wide = Diagnostic(RULE, "wrong", Label(Span("a.yaml", 1, 2, 3, 4)))
    assert to_github(wide) == "::error title=TS997,file=a.yaml,line=1,endLine=3,col=2::wrong"


def test_github_is_one_line_whatever_the_texts() -> None:
    found = Diagnostic(RULE, HOSTILE, Label(Span(HOSTILE, 1, 1, 1, 2)), help=(HOSTILE,))
    message = r"100%25\n::error::a,b:c\x1b[31m\u202e"
    file = r"100%25\n%3A%3Aerror%3A%3Aa%2Cb%3Ac\x1b[31m\u202e"
    assert to_github(found) == (
        f"::error title=TS997,file={file},line=1,endLine=1,col=1,endColumn=1"
        f"::{message}. help: {message}"
    )
