"""The pictures in docs/figures are those that the Makefile's commands draw now."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tfspec.cli import main

ROOT = Path(__file__).parents[2]
RECIPE = re.compile(r"^\t\$\(BIN\)/tfspec (draw .*) -o \$\(FIGURES\)/(\S+)$", re.MULTILINE)
FIGURES = RECIPE.findall((ROOT / "Makefile").read_text())


@pytest.mark.parametrize(("call", "file"), FIGURES, ids=[file for _, file in FIGURES])
def test_a_picture_is_what_is_drawn_now(call: str, file: str, tmp_path: Path) -> None:
    made = tmp_path / file
    assert main([*shlex.split(call), "-o", str(made)]) == 0
    assert (ROOT / "docs" / "figures" / file).read_bytes() == made.read_bytes(), "make figures"


def test_every_picture_has_its_command() -> None:
    there = {file.name for file in (ROOT / "docs" / "figures").iterdir()}
    assert there == {file for _, file in FIGURES}
    assert len(there) >= 5
