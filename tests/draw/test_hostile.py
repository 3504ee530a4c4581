"""Names as an attacker would choose them: they are text everywhere, cut where they are long."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from tests.draw.figures import of
from tests.draw.picture import picture, wrong
from tfspec.api import Architecture

LONG = "b" * 59
NAMES = {
    "script": "</script><img src=x onerror=alert(1)>",
    "xml": "]]>&amp;&lt;<!-- \" ' -->",
    "mermaid": '"]; click n0 "javascript:alert(1)"; %% `x` <br>',
    "dot": '"]; n9 [label="\\n\\"',
    "long": "n" * 100,
    "hebrew": "\u05de\u05d5\u05d3\u05dc",
    "turned": "a\u202eb\u2066c",
    "emoji": "\U0001f916\U0001f469\u200d\U0001f680 model",
    "controls": "\x1b[31mred\x00\x07\r\n\t",
    "latex": r"\input{/etc/passwd} $x$",
}


def hostile(name: str) -> Architecture:
    return of(f"""
tfspec: 1
name: {json.dumps(name, ensure_ascii=False)}
about: {json.dumps(name, ensure_ascii=False)}
dims: {{B: batch, T: 1..64, {LONG}: 8, L: 3}}
inputs: {{{"t" * 60}: ids(11) B T}}
blocks:
  {LONG}x: {{norm: {{at: pre}}, do: [{{attend: {{heads: 2, mask: causal}}}}, {{ffn: {{hidden: {LONG}, act: gelu}}}}]}}
streams: {{text: [{"t" * 60}, {{embed: {LONG}}}, {{stack: {{of: {LONG}x, depth: L}}}}]}}
outputs: {{{"o" * 60}: [text, {{linear: 11}}]}}
""")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_an_svg_is_well_formed_and_nothing_overflows(name: str) -> None:
    model = hostile(name)
    for numbers in (False, True):
        svg = model.draw(numbers=numbers).svg()
        root = ElementTree.fromstring(svg)
        tags = {each.tag.partition("}")[2] for each in root.iter()}
        assert tags == {"svg", "title", "desc", "g", "rect", "text", "path", "circle"}
        assert {key for each in root.iter() for key in each.attrib if key.startswith("on")} == set()
        assert wrong(picture(svg)) == []


def test_a_name_is_shown_as_it_is() -> None:
    root = ElementTree.fromstring(hostile(NAMES["script"]).draw().svg())
    assert root.findtext("{http://www.w3.org/2000/svg}title") == NAMES["script"]
    assert any((t.text or "").startswith(NAMES["script"]) for t in root.iter())


def test_what_is_not_to_be_seen_is_written_out() -> None:
    for name, shown in (("turned", r"a\u202eb\u2066c"), ("controls", r"\x1b[31mred\x00\x07\r\n\t")):
        svg = hostile(NAMES[name]).draw().svg()
        assert f"<title>{shown}</title>" in svg
        assert NAMES[name] not in svg


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_terminal_gets_lines_that_fit(name: str) -> None:
    text = hostile(name).draw(direction="down").text()
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "…" in text


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_dot_and_mermaid_quote(name: str) -> None:
    model = hostile(name).draw()
    for text in (model.dot(), model.mmd()):
        lines = text.splitlines()
        assert len(lines) == len(hostile("plain").draw().dot().splitlines()) or text != model.dot()
        assert max(map(len, lines)) < 400
        assert not any("click" in line and "javascript" in line.split('"')[0] for line in lines)
    for line in model.mmd().splitlines():
        assert line.count('"') in (0, 2)
        assert "<img" not in line
