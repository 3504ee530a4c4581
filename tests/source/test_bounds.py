"""Hostile texts end in bounded time and memory; broken ones always end in a message with a place."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.source.cases import PARSERS
from tfspec.diagnostics.lines import split_lines
from tfspec.diagnostics.machine import to_github, to_json
from tfspec.diagnostics.text import render
from tfspec.spec import yaml_reader
from tfspec.spec.source import parse_text, plain

# Each expression gives a text of just under 1 MB.
HOSTILE = {
    "brackets": '"[" * 999_000',
    "braces": '"{" * 999_000',
    "brackets on lines": '"[\\n" * 499_000',
    "dashes": '"- " * 499_000',
    "question marks": '"? " * 499_000',
    "braces with keys": '"{a: " * 240_000',
    "indentation": '"".join(" " * depth + "a:\\n" for depth in range(1_300))',
    "many values": '"a: [" + "a," * 490_000 + "a]"',
    "many keys": '"\\n".join(f"k{number}: 1" for number in range(70_000))',
    "one key again and again": '"\\n".join(["k: 1"] * 9_000)',
    "many tags": '"a: [" + "!!str x," * 5_000 + "]"',
    "many aliases": '"a: &a [x]\\nb: [" + "*a," * 300_000 + "]"',
    "a long text": '"a: " + "x" * 990_000',
    "an open quote": '"a: \\"" + "x" * 990_000',
    "single quotes": '"a: \'" + "\'\'" * 490_000',
    "many quotes": '"a: [" + "\'\\"" * 490_000',
    "an open bracket": '"[\\n" + "\\n" * 990_000 + "}"',
    "escapes": '"a: \\"" + "\\\\q" * 490_000',
    "wide escapes": '"a: \\"" + "\\\\U00110000" * 99_000',
    "wide characters": '"a: " + "\\u3042" * 300_000 + ": b"',
    "combining marks": '"a: b" + "\\u0301" * 400_000 + ": c"',
    "colons": '": " * 490_000',
    "a large number": '"a: " + "9" * 990_000',
    "an alias bomb": '"a: &a [x, x]\\n" + "".join(f"k{n}: &{chr(n + 1)} [*{chr(n)}, *{chr(n)}, *{chr(n)}]\\n" for n in range(97, 122))',
}

READ = """
import resource, sys, yaml
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_AS, (600_000_000, 600_000_000))
from tfspec.diagnostics.text import render
from tfspec.spec import yaml_reader
from tfspec.spec.source import parse_text
if sys.argv[1] == "python":
    yaml_reader.LOADER = yaml.BaseLoader
for expression in sys.argv[2:]:
    text = eval(expression)
    source, found = parse_text(text, "a.yaml")
    shown = render(found, {"a.yaml": text})
    assert len(shown) < 60_000, (expression, len(shown))
    print(shown.splitlines()[0] if shown else "fine")
"""


@pytest.mark.parametrize("parser", ["libyaml", pytest.param("python", marks=pytest.mark.slow)])
def test_hostile_texts_end_within_limits(parser: str) -> None:
    command = [sys.executable, "-c", READ, parser, *HOSTILE.values()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    verdicts = dict(zip(HOSTILE, done.stdout.splitlines(), strict=True))
    assert {name for name, said in verdicts.items() if said == "fine"} == {
        "a long text",
        "a large number",
    }


SPECS = Path(__file__).parents[2] / "specs"
BUNDLED = [path.read_text() for path in sorted(SPECS.glob("*.yaml"))]
PIECES = [*"[]{},:'\"\n\t -#&*!|>%@`?\\~", "\n  ", "- ", ": ", "---\n", "<<: ", "\x85", "\ufeff"]


@st.composite
def broken_specs(draw: st.DrawFn) -> str:
    """A bundled spec with a few characters taken out or put in."""
    text = draw(st.sampled_from(BUNDLED))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.sampled_from([0, 0, 1, 1, 20]))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


@pytest.mark.parametrize("parser", PARSERS)
@settings(max_examples=150, deadline=None)
@given(text=st.one_of(broken_specs(), st.text(max_size=50)))
def test_any_text_is_read_or_refused_with_a_place(text: str, parser: str) -> None:
    before, yaml_reader.LOADER = yaml_reader.LOADER, PARSERS[parser]
    try:
        source, found = parse_text(text, "a.yaml")
    finally:
        yaml_reader.LOADER = before
    assert found or source.root is not None
    if source.root is not None:
        plain(source.root)
    shown = render(found, {"a.yaml": source.text}).replace("\N{IDEOGRAPHIC SPACE}", " ")
    assert all(line.isprintable() for line in shown.split("\n"))
    lines = split_lines(text.removeprefix("\ufeff"))
    for diagnostic in found:
        span = diagnostic.span
        assert span is not None
        assert span.is_whole or span.column <= len(lines[span.line - 1]) + 1
        assert "\n" not in to_github(diagnostic)
        assert to_json(diagnostic)["code"] == diagnostic.code
