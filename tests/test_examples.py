"""The examples do what they say, from start to end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str, *argv: str) -> str:
    """What an example prints; it must end well."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *argv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_digits_are_read(tmp_path: Path) -> None:
    weights = tmp_path / "digits.safetensors"
    text = example("digits.py", "--output", str(weights))
    found = re.search(r"test accuracy (\d+\.\d)% on 360 digits never trained on", text)
    assert found, text
    assert float(found[1]) >= 97
    assert f"saved to {weights}, reloaded, equal logits" in text


@pytest.mark.slow
def test_a_photograph_is_classified() -> None:
    text = example("photo.py")
    assert "flower.jpg [1, 3, 224, 224] -> logits [1, 1000]" in text
    assert re.search(r"\d ms a photograph", text)
