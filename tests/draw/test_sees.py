"""The measuring of pictures sees what it is to see: one thing moved is one thing wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.draw.figures import loaded
from tests.draw.picture import picture, wrong


def _moved(pattern: str, axis: str, by: float, which: int = 0) -> Callable[[str], str]:
    """The picture with one number of one element changed."""

    def change(svg: str) -> str:
        found = list(re.finditer(pattern, svg))[which]
        old = found.group(0)
        value = re.search(rf' {axis}="([-0-9.]+)"', old)
        assert value is not None
        new = old.replace(value.group(0), f' {axis}="{float(value[1]) + by}"')
        return svg[: found.start()] + new + svg[found.end() :]

    return change


MISTAKES = {
    "a residual lies in a box": (
        lambda svg: re.sub(r'class="residual".*', lambda m: re.sub("1(45|39) ", "90 ", m[0]), svg),
        "a residual crosses box",
    ),
    "a box moved down": (
        _moved(r'<g class="box mlp"><title>.*?</title>\n<rect[^>]*>', "y", 30),
        "overlaps",
    ),
    "a box too narrow": (
        _moved(r'<g class="box attention"><title>.*?</title>\n<rect[^>]*>', "width", -40),
        "overflows",
    ),
    "a label in a box": (_moved(r'<text class="label"[^>]*>', "y", 15), "overlaps"),
    "a card too short": (_moved(r'<rect class="card"[^>]*>', "height", -35), "across a card"),
    "a letter too small": (_moved(r'<text class="knob"[^>]*>', "font-size", -2), "has 6.00 pt"),
    "off the page": (_moved(r'<text class="name"[^>]*>', "x", 400), "off the page"),
    "a line that is not straight": (
        lambda svg: re.sub(r'(class="trunk" d="M)(\d+)', r"\g<1>80", svg, count=1),
        "crooked",
    ),
    "too tall": (lambda svg: svg.replace('height="570pt"', 'height="700pt"'), ""),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str) -> None:
    change, said = MISTAKES[mistake]
    svg = loaded("gpt2").draw().svg()
    changed = change(svg)
    assert changed != svg
    if not said:  # a picture whose two scales differ is refused
        with pytest.raises(AssertionError):
            picture(changed)
        return
    assert any(said in each for each in wrong(picture(changed)))
