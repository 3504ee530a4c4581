"""The pictures in docs/figures are those that the Makefile's commands draw now."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.draw.picture import picture
from tfspec.cli import main

ROOT = Path(__file__).parents[2]
RECIPE = re.compile(r"^\t\$\(BIN\)/tfspec (draw .*) -o \$\(FIGURES\)/(\S+)$", re.MULTILINE)
FIGURES = RECIPE.findall((ROOT / "Makefile").read_text())


@pytest.mark.parametrize(("call", "file"), FIGURES, ids=[file for _, file in FIGURES])
def test_a_picture_is_what_is_drawn_now(call: str, file: str, tmp_path: Path) -> None:
    """Ops are where this Graphviz puts them: of those only the words are compared."""
    made, ops = tmp_path / file, "--level ops" in call
    if ops and shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    assert main([*shlex.split(call), "-o", str(made)]) == 0
    if ops:
        ours, now = (picture(each.read_text()) for each in (ROOT / "docs" / "figures" / file, made))
        assert sorted(w.text for w in ours.words) == sorted(w.text for w in now.words)
        return
    assert (ROOT / "docs" / "figures" / file).read_bytes() == made.read_bytes(), "make figures"


def test_every_picture_has_its_command() -> None:
    there = {file.name for file in (ROOT / "docs" / "figures").iterdir()}
    assert there == {file for _, file in FIGURES}
    assert len(there) >= 5
