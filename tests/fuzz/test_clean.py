"""Emitted files of random specs are what ruff would leave: a sample, checked in two calls."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.specs import make, written
from tfspec.passes.check import check
from tfspec.passes.emit.emit import emit
from tfspec.program.refusal import NotYet
from tfspec.spec.load import load_text

RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
QUICK, MANY = 40, 1500


def ruff(folder: Path, *words: str) -> str:
    assert RUFF
    done = subprocess.run(
        [RUFF, *words, "--isolated", "--no-cache", "--target-version", "py311", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


def complaints(folder: Path) -> str:
    """What the formatter would change and the linter objects to."""
    rules = ("--select", "E,F,W,I,B,UP", "--ignore", "E501")  # a name may be as long as a line
    return ruff(folder, "format", "--diff") + ruff(folder, "check", *rules)


def emitted(folder: Path, cases: range) -> int:
    for at in cases:
        graph = check(load_text(written(make(Random(at)))), {}).graph
        for style in ("fast", "explicit") if graph is not None else ():
            assert graph is not None
            with suppress(NotYet):
                (folder / f"m{at}_{style}.py").write_text(emit(graph, style=style))
    return len(list(folder.iterdir()))


def test_emitted_files_are_clean(tmp_path: Path) -> None:
    assert emitted(tmp_path, range(QUICK)) > QUICK
    assert complaints(tmp_path) == ""


@pytest.mark.slow
def test_many_emitted_files_are_clean(tmp_path: Path) -> None:
    assert emitted(tmp_path, range(QUICK, MANY)) > MANY
    assert complaints(tmp_path) == ""


@pytest.mark.parametrize("code", ["x = {'a':1}\n", "def f():\n    y = 1\n", "import os\n"])
def test_that_test_can_fail(tmp_path: Path, code: str) -> None:
    (tmp_path / "a.py").write_text(code)
    assert complaints(tmp_path) != ""
