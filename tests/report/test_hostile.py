"""Names as an attacker would choose them: on a page they are text, cut where they are long."""

from __future__ import annotations

import json

import pytest

from tests.draw.figures import EVERY, loaded, of
from tests.draw.test_hostile import NAMES, hostile
from tests.report.pages import Reader
from tfspec.diagnostics.escape import escape

TICKED = """
tfspec: 1
name: plain
about: "{about}"
dims: {{B: batch, T: 1..64, d: 8, L: 3}}
inputs: {{tokens: ids(11) B T}}
blocks: {{layer: {{norm: {{at: pre}}, do: [{{attend: {{heads: 2, mask: causal}}}}]}}}}
streams: {{text: [tokens, {{embed: d}}, {{stack: {{of: layer, depth: L}}}}]}}
outputs: {{logits: [text, {{linear: 11}}]}}
"""
TAGS = {e.tag for e in Reader(of("""
tfspec: 1
name: plain
about: plain
dims: {B: batch, T: 1..64, d: 8, L: 3}
inputs: {tokens: ids(11) B T}
blocks: {layer: {norm: {at: pre}, do: [{attend: {heads: 2, mask: causal}}, {ffn: {hidden: d, act: gelu}}]}}
streams: {text: [tokens, {embed: d}, {stack: {of: layer, depth: L}}]}
outputs: {logits: [text, {linear: 11}]}
""").report().html()).elements}  # fmt: skip


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_text_and_breaks_nothing(name: str) -> None:
    html = hostile(name).report().html()
    read = Reader(html)
    assert read.wrong == []
    assert {e.tag for e in read.elements} <= TAGS
    assert [key for e in read.elements for key in e.attributes if key.startswith("on")] == []
    assert len(read.all("script")) == 2
    assert "".join(read.all("h1")[0].texts) == escape(name)[:80] or "…" in read.all("h1")[0].text
    json.loads("".join(read.by_id("data").texts))
    shown = "".join(read.by_id("spec").texts)
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_a_long_name_is_cut_in_figure_and_tables() -> None:
    read = Reader(hostile("x" * 100).report().html())
    assert len(read.all("h1")[0].text) == 80
    cells = [e for e in read.elements if e.tag == "th" and e.within("tbody")]
    own = [max(map(len, " ".join(e.texts).split())) for e in cells]
    assert max(own) <= 60
    steps = [e for e in read.elements if "data-n" in e.attributes]
    assert max(len(word) for e in steps for word in e.text.split()) <= 96


def test_a_script_cannot_be_closed_from_inside() -> None:
    html = hostile("</script><img src=x onerror=alert(1)>").report().html()
    assert html.count("</script>") == 2
    assert "<img" not in html


def test_what_stands_between_backticks_is_code_and_still_text() -> None:
    """In what a spec says of itself, and in messages; a single one is itself."""
    text = TICKED.format(about="takes `<marquee>`, `</code>` and `")
    read = Reader(of(text).report().html())
    assert read.wrong == []
    assert "marquee" not in {e.tag for e in read.elements}
    about = next(e for e in read.all("p") if e.text.startswith("takes"))
    assert about.text == "takes <marquee> , </code> and `"
    shown = ["".join(e.texts) for e in read.all("code")]
    assert shown[:2] == ["<marquee>", "</code>"]
    assert any(each.startswith("blocks.0.") for each in shown)
    prose = [e for e in read.elements if e.tag in ("p", "td") and e is not about]
    assert [e.text for e in prose if "`" in e.text] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_every_model_and_draft_has_a_page(name: str) -> None:
    assert Reader(loaded(name).report().html()).wrong == []
