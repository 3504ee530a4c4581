"""Colours that everyone can read and tell apart, in every theme."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from tests.draw.colours import VISION, contrast, distance
from tests.draw.figures import BUNDLED, loaded
from tests.draw.picture import Area, Picture, picture
from tfspec.passes.draw.theme import THEMES


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", THEMES)
def test_kinds_differ_for_every_kind_of_colour_vision(theme: str, vision: str) -> None:
    pairs = combinations(THEMES[theme].kinds.items(), 2)
    close = [(a, b) for (a, one), (b, two) in pairs if distance(one, two, vision) < 12]
    assert close == []


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", THEMES)
def test_residuals_cross_edges_and_the_trunk_differ(theme: str, vision: str) -> None:
    """By their colours; of one colour, by how wide they are, or by dashes."""
    colours = THEMES[theme]
    for one, other in combinations(colours.strokes, 2):
        a, b = colours.strokes[one], colours.strokes[other]
        wider = max(a.width, b.width) / min(a.width, b.width)
        stroked = a.dashed != b.dashed or wider > 1.5
        assert stroked or distance(colours.ink(one), colours.ink(other), vision) >= 12


def test_lines_are_printed_without_colour() -> None:
    """Dashes are residuals, and what comes from another column is heavy."""
    svg = loaded("transformer-base").draw(theme="print").svg()
    lines = re.findall(r'<path class="(trunk|residual|cross)" [^>]*(stroke="[^/]*)/>', svg)
    assert set(lines) == {
        ("trunk", 'stroke="#000000" stroke-width="0.9"'),
        ("residual", 'stroke="#000000" stroke-width="1.1" stroke-dasharray="3.5 2"'),
        ("cross", 'stroke="#000000" stroke-width="1.6"'),
    }
    assert "dasharray" not in loaded("transformer-base").draw().svg()


def _behind(found: Picture, area: Area) -> str:
    """The colour of what a word stands on: its box, the innermost card around it, or the page."""
    around = [s for s in (*found.cards, *found.boxes) if s.area.holds(area)]
    return min(around, key=lambda s: s.area.right - s.area.left).fill if around else found.page


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", BUNDLED)
def test_every_word_can_be_read(name: str, theme: str) -> None:
    found = picture(loaded(name).draw(theme=theme, cost="flops").svg())
    faint = [
        word.text for word in found.words if contrast(word.colour, _behind(found, word.area)) < 4.5
    ]
    assert found.words
    assert faint == []


def test_faint_words_are_seen() -> None:
    svg = loaded("gpt2").draw().svg().replace('fill="#595959"', 'fill="#999999"')
    found = picture(svg)
    label = next(word for word in found.words if word.style == "label")
    assert contrast(label.colour, _behind(found, label.area)) < 4.5


@pytest.mark.parametrize("name", BUNDLED)
def test_no_kind_is_told_by_its_colour_alone(name: str) -> None:
    """Boxes of different kinds have different titles, so that each can be told by its words."""
    kinds: dict[str, set[str]] = {}
    for box in loaded(name).draw().figure.boxes():
        kinds.setdefault(box.title, set()).add(box.kind)
    assert [title for title, of in kinds.items() if len(of) > 1] == []


def test_distances_are_those_of_the_literature() -> None:
    """Black and white are 100 apart, and 21 : 1; red and green are near for who lacks one of them."""
    assert distance("#000000", "#ffffff", "normal") == pytest.approx(100, abs=0.1)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    red, green = "#b05030", "#708030"
    assert distance(red, green, "deutan") < 12 < distance(red, green, "normal")
